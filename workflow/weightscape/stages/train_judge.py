"""Stage 2: a classifier of real images that the generator has not seen.

    python -m weightscape.stages.train_judge --train results/*_data/digits/extra/shard-00000.safetensors \
        --test results/*_data/digits/test/shard-00000.safetensors --out /tmp/judge \
        --settings "$(weightscape settings train_judge --dataset digits)"
"""

from pathlib import Path

from weightscape.formats.shards import read_shards
from weightscape.formats.tensors import write_tensors
from weightscape.generate.judge_settings import TrainJudgeSettings
from weightscape.provenance.records import read_record
from weightscape.stages import _program


def main(argv: list[str] | None = None) -> None:
    """Write weights.safetensors, manifest (with the accuracy on real images) and provenance into --out."""
    program = _program.Program("train_judge", __doc__, TrainJudgeSettings)
    program.add_argument("--train", type=Path, nargs="+", required=True, help="shards of real images")
    program.add_argument("--test", type=Path, nargs="+", required=True, help="shards of other real images")
    program.add_argument("--threads", type=int, default=1)
    program.add_argument("--out", type=Path, required=True)
    arguments = program.start(argv)
    settings: TrainJudgeSettings = arguments.settings

    from weightscape.generate import judge
    from weightscape.networks.device import prepare

    prepare("cpu", arguments.threads)
    train, test = read_shards(arguments.train), read_shards(arguments.test)
    classes = len(read_record(arguments.train[0].parent / "manifest.json")["facts"]["classes"])
    weights = judge.train(train, classes, settings)
    accuracy = float((judge.predict(weights, test.images).argmax(1) == test.labels).mean())
    path = arguments.out / "weights.safetensors"
    program.check()
    write_tensors(path, weights)
    program.record(
        arguments.out,
        inputs=[*arguments.train, *arguments.test],
        outputs=[path],
        facts={"classes": classes, "test_accuracy": accuracy},
    )
    print(f"accuracy of the judge on {len(test)} real images: {accuracy:.3f}")


if __name__ == "__main__":
    _program.run(main)
