"""Stage 2: one shard of synthetic images: some indices of every class at one guidance.

    python -m weightscape.stages.generate --weights results/2_generate/digits/ddpm/model/weights.safetensors \
        --out /tmp/guidance-2.0/shard-00000.safetensors --settings "$(weightscape settings generate \
        --dataset digits --generator ddpm --guidance 2.0 --shard 00000)"

An image depends on (generator, class, guidance, index) alone, not on its shard.
"""

from pathlib import Path

import numpy as np

from weightscape import program
from weightscape.files import read_tensors
from weightscape.images import ImageSet, write_shard
from weightscape.progress import track
from weightscape.records import read_record, write_record

STAGE = "generate"


def main(argv: list[str] | None = None) -> None:
    """Write the shard --out and its record beside it."""
    parser = program.arguments_of(STAGE, __doc__)
    parser.add_argument("--weights", type=Path, required=True, help="weights of the generator")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    code = program.Code(STAGE, arguments.code)
    settings = arguments.settings

    from weightscape.device import prepare
    from weightscape.generators.denoiser import DDPMSettings
    from weightscape.generators.sampler import sample

    device = prepare(arguments.device, arguments.threads)
    weights = read_tensors(arguments.weights)
    classes = read_record(arguments.weights.parent / "manifest.json")["facts"]["classes"]
    chosen = DDPMSettings.from_mapping(settings["model"] | settings["sampling"])
    indices = range(*settings["indices"])
    parts = [
        sample(
            weights,
            chosen,
            classes,
            label,
            settings["guidance"],
            indices,
            seed=settings["seed"],
            device=str(device),
            batch_size=100,
        )
        for label in track(range(classes), "generate", classes, "classes")
    ]
    content = ImageSet(np.concatenate(parts), np.repeat(np.arange(classes), len(indices)))
    code.check()
    write_shard(arguments.out, content)
    write_record(
        arguments.out.parent,
        name=arguments.out.stem,
        stage=STAGE,
        settings=settings,
        code=code.digest,
        inputs=[arguments.weights],
        outputs=[arguments.out],
        facts={
            "generator": settings["generator"],
            "guidance": settings["guidance"],
            "first": settings["indices"][0],
            "images": len(content),
        },
    )
    print(f"{len(content)} images at guidance {settings['guidance']}")


if __name__ == "__main__":
    program.run(main)
