"""Stage 2: a class-conditional diffusion model, trained on exactly the given real images.

    python -m weightscape.stages.train_generator --train results/*_data/digits/train/shard-00000.safetensors \
        --out /tmp/generator --settings "$(weightscape settings train_generator --dataset digits --generator ddpm)"
"""

from pathlib import Path

from weightscape.formats.shards import read_shards
from weightscape.formats.tensors import write_tensors
from weightscape.formats.typed import to_json
from weightscape.formats.writing import digest
from weightscape.generate.model_settings import TrainGeneratorSettings
from weightscape.provenance.records import content_digest, read_record
from weightscape.stages import _program


def main(argv: list[str] | None = None) -> None:
    """Write weights.safetensors, manifest and provenance into --out; an interrupted training is resumed."""
    program = _program.Program("train_generator", __doc__, TrainGeneratorSettings)
    program.add_argument("--train", type=Path, nargs="+", required=True, help="shards of the real training set")
    program.add_device()
    program.add_argument("--out", type=Path, required=True)
    arguments = program.start(argv)
    settings: TrainGeneratorSettings = arguments.settings
    _program.without("peft", "transformers")  # half of the time that importing diffusers takes

    from weightscape.generate import ddpm
    from weightscape.networks.checkpoint import Checkpoint
    from weightscape.networks.device import name, prepare

    device = prepare(arguments.device, arguments.threads)
    content = read_shards(arguments.train)
    classes = len(read_record(arguments.train[0].parent / "manifest.json")["facts"]["classes"])
    made_by = [to_json(settings), program.code, name(device)]
    identity = digest([*made_by, [content_digest(path) for path in arguments.train]])
    with _program.stop_signal() as stopped:
        minutes = settings.training.checkpoint_minutes
        checkpoint = Checkpoint(arguments.out / "checkpoint.pt", identity, stopped, minutes)
        weights = ddpm.train(content, classes, settings, str(device), checkpoint)
    path = arguments.out / "weights.safetensors"
    program.check()
    write_tensors(path, weights)
    program.record(
        arguments.out,
        inputs=arguments.train,
        outputs=[path],
        facts={"classes": classes, "images_seen": len(content), "shape": list(content.images.shape[1:])},
    )
    checkpoint.path.unlink(missing_ok=True)


if __name__ == "__main__":
    _program.run(main)
