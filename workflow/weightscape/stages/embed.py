"""Stage 3: the rows of a backbone's embedding that every condition is compared with, once for all of them.

    python -m weightscape.stages.embed --real results/*_data/digits/train/shard-00000.safetensors \
        --reference results/*_data/digits/extra/shard-00000.safetensors \
        --backbone results/*_data/backbones/efficientnet-lite0/weights.safetensors --out /tmp/embedded \
        --settings "$(weightscape settings embed --backbone efficientnet-lite0)"

Writes rows.safetensors (float32 [images, dimensions]: `baseline` of the real training images, `reference` of held-out
ones, `noise` of pure noise), a manifest and provenance.
"""

from pathlib import Path

from weightscape.assemble.embed_settings import EmbedSettings
from weightscape.formats.tensors import read_tensors, write_tensors
from weightscape.stages import _program


def main(argv: list[str] | None = None) -> None:
    program = _program.Program("embed", __doc__, EmbedSettings)
    program.add_argument("--real", type=Path, nargs="+", required=True, help="shards of the real training set")
    program.add_argument("--reference", type=Path, nargs="+", required=True, help="shards of held-out real images")
    program.add_argument("--backbone", type=Path, required=True, help="weights.safetensors of the network")
    program.add_device()
    program.add_argument("--out", type=Path, required=True)
    arguments = program.start(argv)
    settings: EmbedSettings = arguments.settings

    from weightscape.assemble.fixed_rows import fixed_rows
    from weightscape.diversity.spaces import embedding
    from weightscape.networks.device import prepare

    device = prepare(arguments.device, arguments.threads)
    spaces = {"embedding": embedding(settings.network, read_tensors(arguments.backbone), device)}
    sizes = settings.reference_rows, settings.noise_rows
    rows = fixed_rows(spaces, arguments.real, arguments.reference, *sizes)["embedding"]
    program.check()
    write_tensors(arguments.out / "rows.safetensors", rows)
    program.record(
        arguments.out,
        inputs=[*arguments.real, *arguments.reference, arguments.backbone],
        outputs=[arguments.out / "rows.safetensors"],
    )


if __name__ == "__main__":
    _program.run(main)
