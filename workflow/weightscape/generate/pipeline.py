"""Images from a text-to-image or image-to-image pipeline of diffusers, by hub id (from the cache) or from a folder.

An image depends on (pipeline, class, guidance, index) alone: prompt, noise and, for variations, the real image follow
from (seed, class, index); its batch decides no more than the rounding of sums. Weights are safetensors; the safety
checker is on or off as the settings say. Black images, as it shows and as numbers that overflow leave, are left out and
counted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from weightscape.data.decoding import Form, from_picture
from weightscape.errors import UserError, out_of_memory
from weightscape.formats.shards import ImageSet
from weightscape.generate.load_pipeline import load as load
from weightscape.generate.pipeline_arguments import of_recipe, of_variation
from weightscape.generate.settings import PipelineSettings, in_words
from weightscape.seeds import seed as named_seed

TEXT, VARIATION = "text_to_image", "image_to_image"


@dataclass(frozen=True)
class Asked:
    """The inputs of a pipeline: names of the classes, guidance, seed, and for variations the real training images."""

    classes: Sequence[str]
    guidance: float
    seed: int
    real: ImageSet | None = None


def sample(
    pipe: Any, settings: PipelineSettings, asked: Asked, members: Sequence[tuple[int, int]], form: Form
) -> Iterator[tuple[ImageSet, np.ndarray, int]]:
    """Batch by batch: the images of the asked (label, index), their indices, and how many were black."""
    for start in range(0, len(members), settings.batch_size):
        batch = members[start : start + settings.batch_size]
        pictures, black = made(pipe, settings, asked, batch)
        kept = [place for place in range(len(batch)) if not black[place]]
        images = [from_picture(pictures[place], form) for place in kept]
        labels, indices = (np.array([batch[place][k] for place in kept], np.int64) for k in (0, 1))
        yield (
            ImageSet(np.stack(images) if images else np.empty((0, *form.shape), np.uint8), labels),
            indices,
            sum(black),
        )


def made(
    pipe: Any, settings: PipelineSettings, asked: Asked, batch: Sequence[tuple[int, int]]
) -> tuple[list[Any], list[bool]]:
    """PIL images of one batch, and which of them are black, or were refused by the safety checker."""
    options = of_recipe(pipe, settings, asked.guidance, len(batch))
    if asked.real is not None:
        options |= of_variation(pipe, settings, _sources(asked, batch, settings.size))
    try:
        answer = pipe(
            prompt=[prompt(settings, asked.classes[label], asked.seed, label, index) for label, index in batch],
            num_inference_steps=settings.steps,
            generator=[torch.Generator().manual_seed(noise_seed(asked.seed, *member)) for member in batch],
            output_type="pil",
            **options,
        )
    except (OSError, torch.AcceleratorError) as error:  # of the machine or the GPU: another attempt may succeed
        raise out_of_memory(error) or error from None
    except Exception as error:  # schedulers, pipelines and networks refuse their inputs by errors of many kinds
        raise out_of_memory(error) or UserError(
            f"pipeline {settings.model} makes no images with {settings.steps} steps of its scheduler "
            f"{type(getattr(pipe, 'scheduler', None)).__name__} at {settings.size} px ({error!s:.200}): change "
            "generate.pipeline.steps, scheduler or size, or choose a pipeline that needs no more than a prompt"
        ) from None
    if not getattr(answer, "images", None):
        raise UserError(
            f"pipeline {settings.model} ({type(pipe).__name__}) gives no images: choose a pipeline for images"
        )
    side = answer.images[0].size
    if side != (settings.size, settings.size):
        raise UserError(
            f"pipeline {settings.model} makes images of {side[1]} x {side[0]} px if asked for {settings.size}: set "
            "generate.pipeline.size to a size that it makes"
        )
    flagged = getattr(answer, "nsfw_content_detected", None) or [False] * len(batch)
    black = [picture.convert("RGB").getbbox() is None for picture in answer.images]  # also what was no number
    return answer.images, [bool(flag) or dark for flag, dark in zip(flagged, black, strict=True)]


def _sources(asked: Asked, batch: Sequence[tuple[int, int]], size: int) -> list[Any]:
    """The real images that variations start from, as PIL images at the pipeline's size."""
    from PIL import Image

    assert asked.real is not None
    pictures = []
    for label, index in batch:
        rows = np.flatnonzero(asked.real.labels == label)
        if not len(rows):
            raise UserError(f"class {asked.classes[label]!r} has no real training image to vary: check the data set")
        array = np.asarray(asked.real.images[source_row(rows.tolist(), asked.seed, label, index)])
        colour = np.repeat(array, 3, axis=0) if len(array) == 1 else array
        picture = Image.fromarray(np.ascontiguousarray(colour.transpose(1, 2, 0)))
        pictures.append(picture.resize((size, size), Image.Resampling.BICUBIC))
    return pictures


def members(classes: int, per_class: int, shard: int, shards: int) -> list[tuple[int, int]]:
    """(label, index) of the images of one of `shards` shards."""
    total = classes * per_class
    first, last = (round(total * (shard + k) / shards) for k in (0, 1))
    return [divmod(number, per_class) for number in range(first, last)]


def prompt(settings: PipelineSettings, name: str, seed: int, label: int, index: int) -> str:
    """The text for one image: a template and a style of their own draws, with the class's name in words."""
    words = in_words(settings.class_words, name)
    template = _drawn(settings.prompts, seed, "prompt", label, index)
    style = _drawn(settings.styles, seed, "style", label, index)
    return template.replace("{class}", words) + (f", {style}" if style else "")


def check_words(settings: PipelineSettings, classes: Sequence[str]) -> None:
    """No two classes may have the same words in prompts, which would give both the same images."""
    known: dict[str, str] = {}
    for name in classes:
        words = in_words(settings.class_words, name)
        if known.setdefault(words.casefold(), name) != name:
            raise UserError(
                f"classes {known[words.casefold()]!r} and {name!r} are both {words!r} in prompts, so that their images "
                "would be the same: give them words of their own in generate.pipeline.class_words"
            )


def noise_seed(seed: int, label: int, index: int) -> int:
    """The seed of an image's noise; the same at every guidance, so that guidances can be compared in pairs."""
    return named_seed(seed, "pipeline", "noise", label, index)


def source_row(rows: Sequence[int], seed: int, label: int, index: int) -> int:
    """The real image that a variation starts from, of the rows of its class."""
    return int(rows[named_seed(seed, "pipeline", "source", label, index) % len(rows)])


def _drawn(choices: Sequence[str], seed: int, stream: str, label: int, index: int) -> str:
    return choices[named_seed(seed, "pipeline", stream, label, index) % len(choices)]
