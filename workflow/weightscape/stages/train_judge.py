"""Stage 2: a classifier of real images that the generator has not seen.

    python -m weightscape.stages.train_judge --train results/1_data/digits/extra/shard-00000.safetensors \
        --test results/1_data/digits/test/shard-00000.safetensors --out /tmp/judge \
        --settings "$(weightscape settings train_judge --dataset digits)"
"""

from pathlib import Path

from weightscape.formats.shards import read_shards
from weightscape.formats.tensors import write_tensors
from weightscape.generate.judge_settings import TrainJudgeSettings
from weightscape.progress import Progress
from weightscape.provenance.records import read_record, write_record
from weightscape.stages import _program

STAGE = "train_judge"


def main(argv: list[str] | None = None) -> None:
    """Write weights.safetensors, manifest (with the accuracy on real images) and provenance into --out."""
    parser = _program.arguments_of(STAGE, __doc__, TrainJudgeSettings)
    parser.add_argument("--train", type=Path, nargs="+", required=True, help="shards of real images")
    parser.add_argument("--test", type=Path, nargs="+", required=True, help="shards of other real images")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    code = _program.Code(STAGE, arguments.code)
    settings: TrainJudgeSettings = arguments.settings

    from weightscape.generate import judge
    from weightscape.networks.device import prepare

    prepare("cpu", arguments.threads)
    train, test = read_shards(arguments.train), read_shards(arguments.test)
    classes = len(read_record(arguments.train[0].parent / "manifest.json")["facts"]["classes"])
    weights = judge.train(train, classes, settings, Progress("train judge", settings.epochs, "epochs"))
    accuracy = float((judge.predict(weights, test.images).argmax(1) == test.labels).mean())
    path = arguments.out / "weights.safetensors"
    code.check()
    write_tensors(path, weights)
    write_record(
        arguments.out,
        stage=STAGE,
        settings=settings,
        code=code.digest,
        inputs=[*arguments.train, *arguments.test],
        outputs=[path],
        facts={"classes": classes, "test_accuracy": accuracy},
    )
    print(f"accuracy of the judge on {len(test)} real images: {accuracy:.3f}")


if __name__ == "__main__":
    _program.run(main)
