"""Stage 2: one shard of synthetic images: some indices of some classes by one recipe.

    python -m weightscape.stages.generate --weights results/*_generate/digits/ddpm/model/weights.safetensors \
        --out /tmp/recipe-guided/shard-00000.safetensors --settings "$(weightscape settings generate \
        --dataset digits --generator ddpm --recipe guided --shard 00000)"

An image depends on (generator, recipe, class, index) alone, not on its shard. An interrupted job leaves parts beside
the shard (generate/partial_shards.py), from which the next attempt goes on. A pipeline of diffusers needs the real
training set (--train) for the names of its classes and the form of its images; a gate needs it, too.
"""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from weightscape.formats.shards import write_shard
from weightscape.formats.tensors import read_tensors, write_tensors
from weightscape.formats.typed import to_json
from weightscape.formats.writing import digest
from weightscape.generate.partial_shards import Parts, collected
from weightscape.generate.settings import Ddpm, GenerateSettings, ZeroShotGate
from weightscape.provenance.records import content_digest, read_record
from weightscape.stages import _program


def main(argv: list[str] | None = None) -> None:
    """Write the shard --out and its record beside it."""
    program = _program.Program("generate", __doc__, GenerateSettings)
    program.add_argument("--weights", type=Path, nargs="*", default=[], help="weights of the generator trained here")
    program.add_argument("--train", type=Path, nargs="*", default=[], help="shards of the real training set")
    program.add_argument("--judge", type=Path, nargs="*", default=[], help="weights of the judge, for the gate")
    program.add_device()
    program.add_argument("--out", type=Path, required=True)
    arguments = program.start(argv)
    settings: GenerateSettings = arguments.settings
    source, gate = settings.source, settings.gate
    if isinstance(source, Ddpm) and not isinstance(gate, ZeroShotGate):
        _program.without("peft", "transformers")  # half of the time that importing diffusers takes

    from weightscape.generate import shard
    from weightscape.networks.device import prepare

    device = prepare(arguments.device, arguments.threads)
    kept = Parts(arguments.out, _identity(arguments, program.code, device.type))
    with _program.stop_signal() as stopped:
        if isinstance(source, Ddpm):
            classes = read_record(arguments.weights[0].parent / "manifest.json")["facts"]["classes"]
            work = shard.by_ddpm(source, settings, read_tensors(arguments.weights[0]), classes, device)
        else:
            work = shard.by_pipeline(source, settings, shard.training_set(arguments.train), device)
        made = collected(work, kept, stopped)
    passed, facts = made, _facts(settings, made.refused, work.acts)
    if gate is not None:
        judge = read_tensors(arguments.judge[0]) if arguments.judge else None
        passed, facts["gate"] = shard.gated(made, gate, shard.training_set(arguments.train), judge, device)
    program.check()
    if isinstance(source, Ddpm) and len(passed.content) == len(made.content):
        write_shard(arguments.out, passed.content)
    else:
        content = {"images": passed.content.images, "labels": passed.content.labels, "indices": passed.indices}
        write_tensors(arguments.out, content)
    program.record(
        arguments.out.parent,
        name=arguments.out.stem,
        inputs=[*arguments.weights, *arguments.train, *arguments.judge],
        outputs=[arguments.out],
        facts={**facts, "images": len(passed.content)},
    )
    kept.remove()
    print(f"{len(passed.content)} images by recipe {settings.recipe}")


def _identity(arguments: argparse.Namespace, code: str, device: str) -> str:
    """The digest of all that decides the images; a gate alters none."""
    inputs = [content_digest(path) for path in (*arguments.weights, *arguments.train)]
    return digest([to_json(replace(arguments.settings, gate=None)), code, inputs, device])


def _facts(settings: GenerateSettings, refused: int, acts: Mapping[str, int]) -> dict[str, object]:
    """Facts of a shard but for its counts and its gate."""
    facts = {"generator": settings.generator, "recipe": settings.recipe, "guidance": settings.guidance}
    if isinstance(settings.source, Ddpm):
        return {**facts, "first": settings.source.first}
    from weightscape.generate.load_pipeline import lora_digests

    lora = lora_digests(settings.source.pipeline.lora)
    return {**facts, "first": 0, "black": refused, "lora": lora, "acts": dict(acts)}


if __name__ == "__main__":
    _program.run(main)
