"""Stage 2: one shard of synthetic images: some indices of some classes by one recipe.

    python -m weightscape.stages.generate --weights results/2_generate/digits/ddpm/model/weights.safetensors \
        --out /tmp/recipe-guided/shard-00000.safetensors --settings "$(weightscape settings generate \
        --dataset digits --generator ddpm --recipe guided --shard 00000)"

An image depends on (generator, recipe, class, index) alone, not on its shard. What an interrupted job had made is kept
in parts beside the shard (generators/parts.py), and the next attempt goes on from there. A pipeline of diffusers needs
the real training set (--train) for the names of its classes and the form of its images; a gate needs it, too.
"""

from pathlib import Path

from weightscape.formats.shards import write_shard
from weightscape.formats.tensors import write_tensors
from weightscape.generate.shard import by_ddpm, by_pipeline, gated, parts_of
from weightscape.provenance.records import write_record
from weightscape.stages import _program

STAGE = "generate"


def main(argv: list[str] | None = None) -> None:
    """Write the shard --out and its record beside it."""
    parser = _program.arguments_of(STAGE, __doc__)
    parser.add_argument("--weights", type=Path, nargs="*", default=[], help="weights of the generator trained here")
    parser.add_argument("--train", type=Path, nargs="*", default=[], help="shards of the real training set")
    parser.add_argument("--judge", type=Path, nargs="*", default=[], help="weights of the judge, for the gate")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    code = _program.Code(STAGE, arguments.code)
    settings = arguments.settings

    from weightscape.networks.device import prepare

    device = prepare(arguments.device, arguments.threads)
    trained_here = "pipeline" not in settings
    kept = parts_of(arguments, code.digest, device)
    with _program.stop_signal() as stopped:
        made = (by_ddpm if trained_here else by_pipeline)(arguments, device, kept, stopped)
    content, indices, facts = gated(made, arguments, device) if "gate" in settings else made
    code.check()
    if trained_here and len(content) == len(made[0]):
        write_shard(arguments.out, content)
    else:
        tensors = {"images": content.images, "labels": content.labels, "indices": indices}
        write_tensors(arguments.out, tensors)
    write_record(
        arguments.out.parent,
        name=arguments.out.stem,
        stage=STAGE,
        settings=settings,
        code=code.digest,
        inputs=[*arguments.weights, *arguments.train, *arguments.judge],
        outputs=[arguments.out],
        facts={
            "generator": settings["generator"],
            "recipe": settings["recipe"],
            "guidance": settings["guidance"],
            "first": settings["indices"][0] if trained_here else 0,
            "images": len(content),
            **facts,
        },
    )
    kept.remove()
    print(f"{len(content)} images by recipe {settings['recipe']}")


if __name__ == "__main__":
    _program.run(main)
