"""Makes one shard of synthetic images."""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from weightscape.errors import UserError
from weightscape.formats.shards import ImageSet, map_shard
from weightscape.formats.tensors import read_tensors
from weightscape.formats.writing import digest
from weightscape.generate.partial_shards import Batch, Parts, collected
from weightscape.provenance.records import content_digest, read_record
from weightscape.stages import _program

BATCH = 100
"""Images that the diffusion model trained here makes at once."""


Made = tuple[ImageSet, np.ndarray, dict[str, Any]]
"""Images, the index of each within its class, and facts for the record."""


def by_ddpm(arguments: argparse.Namespace, device: Any, kept: Parts, stopped: Callable[[], bool]) -> Made:
    """Images of the diffusion model that was trained on this data set."""
    if arguments.settings.get("gate", {}).get("classifier") != "zero_shot":
        _program.without("peft", "transformers")  # half of the time that importing diffusers takes
    from weightscape.generate.denoiser import DDPMSettings
    from weightscape.generate.sampler import batch_of

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
    from weightscape.data.decoding import Form
    from weightscape.generate import pipeline, requests

    settings = arguments.settings
    facts = read_record(arguments.train[0].parent / "manifest.json")["facts"]
    form = Form(facts["shape"][1], facts["shape"][0])
    members = requests.members(len(facts["classes"]), settings["images_per_class"], *settings["shard"])
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
    from weightscape.generate import gate

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
