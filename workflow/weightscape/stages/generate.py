"""Stage 2: one shard of synthetic images: some indices of some classes by one recipe.

    python -m weightscape.stages.generate --weights results/2_generate/digits/ddpm/model/weights.safetensors \
        --out /tmp/recipe-guided/shard-00000.safetensors --settings "$(weightscape settings generate \
        --dataset digits --generator ddpm --recipe guided --shard 00000)"

An image depends on (generator, recipe, class, index) alone, not on its shard. What an interrupted job had made is kept
in parts beside the shard (generators/parts.py), and the next attempt goes on from there. A pipeline of diffusers needs
the real training set (--train) for the names of its classes and the form of its images; a gate needs it, too.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from weightscape import program
from weightscape.errors import UserError
from weightscape.files import digest, read_tensors, write_tensors
from weightscape.generators.parts import Batch, Parts, collected
from weightscape.images import ImageSet, map_shard, write_shard
from weightscape.records import content_digest, read_record, write_record

STAGE = "generate"
BATCH = 100
"""Images that the diffusion model trained here makes at once."""
Made = tuple[ImageSet, np.ndarray, dict[str, Any]]
"""Images, the index of each within its class, and facts for the record."""


def by_ddpm(arguments: argparse.Namespace, device: Any, kept: Parts, stopped: Callable[[], bool]) -> Made:
    """Images of the diffusion model that was trained on this data set."""
    if arguments.settings.get("gate", {}).get("classifier") != "zero_shot":
        program.without("peft", "transformers")  # half of the time that importing diffusers takes
    from weightscape.generators.denoiser import DDPMSettings
    from weightscape.generators.sampler import batch_of

    settings = arguments.settings
    weights = read_tensors(arguments.weights[0])
    classes = read_record(arguments.weights[0].parent / "manifest.json")["facts"]["classes"]
    chosen = DDPMSettings.from_mapping(settings["model"] | settings["sampling"])
    numbers = range(*settings["indices"])
    drawn = batch_of(weights, chosen, classes, settings["guidance"], settings["seed"], str(device))

    def batches(first: int) -> Iterator[Batch]:
        for label in range(classes):
            for start in range(0, len(numbers), BATCH):
                indices = np.array(numbers[start : start + BATCH])
                if label * len(numbers) + start >= first:
                    labels = np.full(len(indices), label)
                    yield Batch(ImageSet(drawn(labels.tolist(), indices.tolist()), labels), indices)

    made = collected(batches, classes * len(numbers), kept, stopped)
    return made.content, made.indices, {}


def by_pipeline(arguments: argparse.Namespace, device: Any, kept: Parts, stopped: Callable[[], bool]) -> Made:
    """Images of a pipeline of diffusers."""
    from weightscape.datasets.decoding import Form
    from weightscape.generators import pipeline, scatter

    settings = arguments.settings
    facts = read_record(arguments.train[0].parent / "manifest.json")["facts"]
    form = Form(facts["shape"][1], facts["shape"][0])
    members = scatter.members(len(facts["classes"]), settings["images_per_class"], *settings["shard"])
    if not members:
        raise UserError(
            f"shard {settings['shard'][0]} of recipe {settings['recipe']} has no images to make: lower generate.shards "
            f"= {settings['shard'][1]} or raise images_per_class"
        )
    real = joined(arguments.train) if settings["kind"] == pipeline.VARIATION else None
    asked = pipeline.Asked(facts["classes"], settings["guidance"], settings["seed"], real)
    pipe = pipeline.load(settings["pipeline"], settings["kind"], device)

    def batches(first: int) -> Iterator[Batch]:
        for one in pipeline.sample(pipe, settings["pipeline"], asked, members[first:], form):
            yield Batch(*one)

    made = collected(batches, len(members), kept, stopped)
    lora = pipeline.lora_digests(settings["pipeline"])
    return made.content, made.indices, {"refused_by_safety_checker": made.refused, "lora": lora}


def parts_of(arguments: argparse.Namespace, code: str, device: Any) -> Parts:
    """The parts that an interrupted job left; the gate decides nothing about the images that are made."""
    settings = {key: value for key, value in arguments.settings.items() if key != "gate"}
    inputs = [content_digest(path) for path in (*arguments.weights, *arguments.train)]
    return Parts(arguments.out, digest([settings, code, inputs, device.type]))


def joined(shards: list[Path]) -> ImageSet:
    """Shards as one set, without a copy where there is one."""
    parts = [map_shard(path) for path in shards]
    if len(parts) == 1:
        return parts[0]
    return ImageSet(np.concatenate([part.images for part in parts]), np.concatenate([part.labels for part in parts]))


def gated(made: Made, arguments: argparse.Namespace, device: Any) -> Made:
    """The images that pass the gate, or all with the counts of those that would."""
    from weightscape.generators import gate

    settings, (content, indices, facts) = arguments.settings["gate"], made
    real = joined(arguments.train)
    names = read_record(arguments.train[0].parent / "manifest.json")["facts"]["classes"]
    if settings["classifier"] == "judge":
        classifier = gate.of_judge(read_tensors(arguments.judge[0]))
    else:
        classifier = gate.zero_shot(settings, names, device)
    passed, counts = gate.checked(content, np.asarray(real.images), classifier, settings["duplicate_distance"])
    facts = facts | {"gate": counts | {"classifier": settings["classifier"], "filtered": settings["filter"]}}
    return (content.take(passed), indices[passed], facts) if settings["filter"] else (content, indices, facts)


def main(argv: list[str] | None = None) -> None:
    """Write the shard --out and its record beside it."""
    parser = program.arguments_of(STAGE, __doc__)
    parser.add_argument("--weights", type=Path, nargs="*", default=[], help="weights of the generator trained here")
    parser.add_argument("--train", type=Path, nargs="*", default=[], help="shards of the real training set")
    parser.add_argument("--judge", type=Path, nargs="*", default=[], help="weights of the judge, for the gate")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    code = program.Code(STAGE, arguments.code)
    settings = arguments.settings

    from weightscape.device import prepare

    device = prepare(arguments.device, arguments.threads)
    trained_here = "pipeline" not in settings
    kept = parts_of(arguments, code.digest, device)
    with program.stop_signal() as stopped:
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
    program.run(main)
