"""Images from a text-to-image or image-to-image pipeline of diffusers, by hub id (from the cache) or from a folder.

An image depends on (pipeline, class, guidance, index) alone: prompt, noise and, for variations, the real image follow
from (seed, class, index); its batch decides no more than the rounding of sums. Weights are safetensors; the safety
checker is on or off as the settings say, and images that it blackens are left out and counted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from weightscape.data.decoding import Form, from_picture
from weightscape.errors import UserError
from weightscape.formats import cache
from weightscape.formats.shards import ImageSet
from weightscape.formats.writing import digests
from weightscape.generate.settings import Pipeline, PipelineSettings, in_words
from weightscape.seeds import seed as named_seed

SPECIAL = 8  # words that a tokenizer without vocabulary may have: those for start, end, padding and the unknown

TEXT, VARIATION = "text_to_image", "image_to_image"


@dataclass(frozen=True)
class Asked:
    """The inputs of a pipeline: names of the classes, guidance, seed, and for variations the real training images."""

    classes: Sequence[str]
    guidance: float
    seed: int
    real: ImageSet | None = None


def load(source: Pipeline, device: torch.device) -> Any:
    """The pipeline on its device. float16 is for devices that compute in it: on a CPU float32 takes its place."""
    cache.set_up()
    import diffusers

    settings = source.pipeline
    name = {TEXT: "AutoPipelineForText2Image", VARIATION: "AutoPipelineForImage2Image"}[source.kind]
    dtype = torch.float32 if device.type == "cpu" else getattr(torch, settings.dtype)
    unchecked = {} if settings.safety_checker else {"safety_checker": None, "requires_safety_checker": False}
    try:
        pipe = getattr(diffusers, name).from_pretrained(
            settings.model,
            revision=settings.revision,
            variant=settings.variant,
            torch_dtype=dtype,
            use_safetensors=True,
            **unchecked,
        )
        if settings.scheduler != "default":
            pipe.scheduler = getattr(diffusers, settings.scheduler).from_config(pipe.scheduler.config)
    except Exception as error:  # the loaders raise errors of many kinds at broken folders
        raise UserError(
            f"pipeline {settings.model} cannot be loaded ({error!s:.300}): name a folder or hub id of diffusers with "
            "safetensors weights, and let the rule `fetch` download it"
        ) from None
    _add_lora(pipe, settings.lora)
    # transformers makes one of two special tokens, without a word, where the files are missing
    if not any("tokenizer" in name and part and len(part) > SPECIAL for name, part in pipe.components.items()):
        raise UserError(f"pipeline {settings.model} has no tokenizer for its prompts: name a whole one")
    if settings.safety_checker and getattr(pipe, "safety_checker", None) is None:
        raise UserError(f"pipeline {settings.model} has no safety checker: set pipeline.safety_checker to false")
    pipe.set_progress_bar_config(disable=True)
    return pipe.to(device)


def _add_lora(pipe: Any, folder: str | None) -> None:
    if folder is None:
        return
    try:
        pipe.load_lora_weights(folder, use_safetensors=True)
    except Exception as error:  # weights of another network raise errors of many kinds
        raise UserError(
            f"LoRA weights in generate.pipeline.lora = {folder!r} cannot be loaded ({error!s:.300}): name a folder "
            "that save_lora_weights wrote for this pipeline"
        ) from None


def sample(
    pipe: Any, settings: PipelineSettings, asked: Asked, members: Sequence[tuple[int, int]], form: Form
) -> Iterator[tuple[ImageSet, np.ndarray, int]]:
    """Batch by batch: the images of the asked (label, index), their indices, and how many the checker refused."""
    for start in range(0, len(members), settings.batch_size):
        batch = members[start : start + settings.batch_size]
        pictures, refused = _made(pipe, settings, asked, batch)
        kept = [place for place in range(len(batch)) if not refused[place]]
        images = [from_picture(pictures[place], form) for place in kept]
        labels, indices = (np.array([batch[place][k] for place in kept], np.int64) for k in (0, 1))
        yield (
            ImageSet(np.stack(images) if images else np.empty((0, *form.shape), np.uint8), labels),
            indices,
            sum(refused),
        )


def _made(
    pipe: Any, settings: PipelineSettings, asked: Asked, batch: Sequence[tuple[int, int]]
) -> tuple[list[Any], list[bool]]:
    """PIL images of one batch, and which of them the safety checker refused."""
    options: dict[str, Any] = {"height": settings.size, "width": settings.size}
    if asked.real is not None:
        options = {"image": _sources(asked, batch, settings.size), "strength": settings.strength}
    try:
        answer = pipe(
            prompt=[prompt(settings, asked.classes[label], asked.seed, label, index) for label, index in batch],
            negative_prompt=[settings.negative_prompt] * len(batch),
            guidance_scale=asked.guidance,
            num_inference_steps=settings.steps,
            generator=[torch.Generator().manual_seed(noise_seed(asked.seed, *member)) for member in batch],
            output_type="pil",
            **options,
        )
    except (ValueError, IndexError) as error:  # so do schedulers and pipelines refuse their arguments
        raise UserError(
            f"pipeline {settings.model} makes no images with {settings.steps} steps of its scheduler "
            f"{type(pipe.scheduler).__name__} at {settings.size} px ({error!s:.200}): change "
            "generate.pipeline.steps, scheduler or size"
        ) from None
    flagged = getattr(answer, "nsfw_content_detected", None)
    return answer.images, [bool(flag) for flag in flagged] if flagged else [False] * len(batch)


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


def lora_digests(folder: str | None) -> dict[str, str]:
    """sha256 of the LoRA weights by file name."""
    return {} if folder is None else digests(Path(folder), Path(folder).glob("*.safetensors"))


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


def noise_seed(seed: int, label: int, index: int) -> int:
    """The seed of an image's noise; the same at every guidance, so that guidances can be compared in pairs."""
    return named_seed(seed, "pipeline", "noise", label, index)


def source_row(rows: Sequence[int], seed: int, label: int, index: int) -> int:
    """The real image that a variation starts from, of the rows of its class."""
    return int(rows[named_seed(seed, "pipeline", "source", label, index) % len(rows)])


def _drawn(choices: Sequence[str], seed: int, stream: str, label: int, index: int) -> str:
    return choices[named_seed(seed, "pipeline", stream, label, index) % len(choices)]
