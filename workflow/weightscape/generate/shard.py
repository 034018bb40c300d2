"""Makes one shard of synthetic images, by the model that is trained here or by a pipeline of diffusers."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from weightscape.data.decoding import Form
from weightscape.errors import UserError
from weightscape.formats.shards import ImageSet, map_shard
from weightscape.generate.partial_shards import Batch, Work
from weightscape.generate.settings import Ddpm, GenerateSettings, JudgeGate, Pipeline, ZeroShotGate
from weightscape.provenance.records import read_record

BATCH = 100  # images that the diffusion model trained here makes at once


@dataclass(frozen=True)
class TrainingSet:
    """The real training images: the names of their classes, the form of each, and their shards."""

    classes: Sequence[str]
    form: Form
    shards: Sequence[Path]

    def images(self) -> ImageSet:
        """All images as one set, without a copy if they lie in one shard."""
        parts = [map_shard(path) for path in self.shards]
        if len(parts) == 1:
            return parts[0]
        images, labels = ([getattr(part, name) for part in parts] for name in ("images", "labels"))
        return ImageSet(np.concatenate(images), np.concatenate(labels))


def training_set(shards: Sequence[Path]) -> TrainingSet:
    """The training set that the record beside its shards describes."""
    facts = read_record(shards[0].parent / "manifest.json")["facts"]
    channels, size, _ = facts["shape"]
    form = Form(size, channels, pixel_limit=sys.maxsize)  # a pipeline's pictures are read from no file
    return TrainingSet(facts["classes"], form, shards)


def by_ddpm(
    source: Ddpm, settings: GenerateSettings, weights: Mapping[str, np.ndarray], classes: int, device: torch.device
) -> Work:
    """The images of the model that was trained on this data set: of every class in turn the indices of the shard."""
    from weightscape.generate.sampler import batch_of

    numbers = range(source.first, source.last)
    drawn = batch_of(weights, source, classes, settings.guidance, settings.seed, str(device))

    def batches(first: int) -> Iterator[Batch]:
        for label in range(classes):
            for start in range(0, len(numbers), BATCH):
                indices = np.array(numbers[start : start + BATCH])
                if label * len(numbers) + start >= first:
                    labels = np.full(len(indices), label)
                    yield Batch(ImageSet(drawn(labels.tolist(), indices.tolist()), labels), indices)

    return Work(classes * len(numbers), batches)


def by_pipeline(source: Pipeline, settings: GenerateSettings, train: TrainingSet, device: torch.device) -> Work:
    """The images of a pipeline of diffusers."""
    from weightscape.generate import pipeline
    from weightscape.generate.pipeline_arguments import check_length
    from weightscape.generate.proof_of_action import prove

    members = pipeline.members(len(train.classes), source.images_per_class, source.shard, source.shards)
    if not members:
        raise UserError(
            f"shard {source.shard} of recipe {settings.recipe} has no images to make: lower generate.shards = "
            f"{source.shards} or raise images_per_class"
        )
    real = train.images() if source.kind == pipeline.VARIATION else None
    asked = pipeline.Asked(train.classes, settings.guidance, settings.seed, real)
    pipeline.check_words(source.pipeline, train.classes)
    pipe = pipeline.load(source, device)
    texts = [pipeline.prompt(source.pipeline, train.classes[at[0]], settings.seed, *at) for at in members]
    check_length(pipe, source.pipeline.model, [*texts, source.pipeline.negative_prompt])
    acts = prove(pipe, source.pipeline, asked, members)

    def batches(first: int) -> Iterator[Batch]:
        for made in pipeline.sample(pipe, source.pipeline, asked, members[first:], train.form):
            yield Batch(*made)

    return Work(len(members), batches, acts)


def gated(
    made: Batch,
    gate: JudgeGate | ZeroShotGate,
    train: TrainingSet,
    judge: Mapping[str, np.ndarray] | None,
    device: torch.device,
) -> tuple[Batch, dict[str, object]]:
    """The images that pass the gate, or all unless it filters; and the counts of those that pass, for the record."""
    from weightscape.generate.gate import checked, of_judge, zero_shot

    if isinstance(gate, ZeroShotGate):
        classifier = zero_shot(gate, train.classes, device)
    else:
        assert judge is not None
        classifier = of_judge(judge)
    real = np.asarray(train.images().images)
    passed, counts = checked(made.content, real, classifier, gate.duplicate_distance)
    counts |= {"classifier": gate.kind, "filtered": gate.filter}
    return (Batch(made.content.take(passed), made.indices[passed]) if gate.filter else made), counts
