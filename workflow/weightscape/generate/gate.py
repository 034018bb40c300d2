"""The quality gate of a shard: are its images of their class, and are they copies?

A classifier (the judge of stage 2, or CLIP as a zero-shot classifier; Radford et al. 2021) says which images show
their class. An image whose cosine distance to the nearest training image is below a threshold in the classifier's
features is a near-duplicate of it (copy detection by embedding; Somepalli et al. 2023, who use other features);
likewise among the images of a shard, where the first of several counts as original.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from weightscape.errors import UserError, out_of_memory
from weightscape.formats import cache
from weightscape.formats.shards import ImageSet
from weightscape.generate.settings import ZeroShotGate, in_words

BLOCK = 512  # rows that are compared with all others, or embedded, at once


@dataclass(frozen=True)
class Classifier:
    """From uint8 images [n, c, h, w]: labels int64 [n], and features float32 [n, d]."""

    labels: Callable[[np.ndarray], np.ndarray]
    features: Callable[[np.ndarray], np.ndarray]


def of_judge(weights: Mapping[str, np.ndarray]) -> Classifier:
    """The judge that was trained on real images."""
    from weightscape.generate import judge

    return Classifier(
        lambda images: judge.predict(weights, images).argmax(1), lambda images: judge.features(weights, images)
    )


def zero_shot(settings: ZeroShotGate, names: Sequence[str], device: torch.device) -> Classifier:
    """CLIP of transformers: an image belongs to the class whose prompt its embedding is nearest to."""
    cache.set_up()
    import transformers

    try:
        options: dict[str, Any] = {"revision": settings.revision}
        loaded: Any = transformers.CLIPModel.from_pretrained(
            settings.model, use_safetensors=True, output_loading_info=True, **options
        )
        model, missing = loaded[0], sorted(loaded[1]["missing_keys"])
        if missing:
            raise ValueError(f"it lacks {len(missing)} tensors of CLIP, as {missing[0]}, which would be random")
        tokenizer: Any = transformers.AutoTokenizer.from_pretrained(settings.model, **options)
        processor: Any = transformers.CLIPImageProcessor.from_pretrained(settings.model, **options)
        model = model.to(device).eval()
        words = [in_words(settings.class_words, name) for name in names]
        texts = [settings.prompt.replace("{class}", name) for name in words]
        with torch.inference_mode():
            tokens = tokenizer(texts, padding=True, truncation=True, return_tensors="pt").to(device)
            classes = _unit(_tensor(model.get_text_features(**tokens)))
    except Exception as error:  # loaders, and networks with a tokenizer of another model, raise errors of many kinds
        raise out_of_memory(error) or UserError(
            f"gate model {settings.model} cannot be loaded ({error!s:.300}): name a CLIP folder or hub id"
        ) from None

    @torch.inference_mode()
    def embedded(images: np.ndarray) -> torch.Tensor:
        parts = []
        for start in range(0, len(images), BLOCK):
            batch = images[start : start + BLOCK]
            colour = np.repeat(batch, 3, axis=1) if batch.shape[1] == 1 else batch
            pixels = processor(list(colour.transpose(0, 2, 3, 1)), return_tensors="pt")["pixel_values"]
            parts.append(_unit(_tensor(model.get_image_features(pixel_values=pixels.to(device)))))
        return torch.cat(parts)

    last: list[tuple[np.ndarray, torch.Tensor]] = []  # the images that were looked at last: labels, then features

    def once(images: np.ndarray) -> torch.Tensor:
        if not last or last[0][0] is not images:
            last[:] = [(images, embedded(images))]
        return last[0][1]

    return Classifier(
        lambda images: (once(images) @ classes.T).argmax(1).cpu().numpy(), lambda images: once(images).cpu().numpy()
    )


def _tensor(answer: Any) -> torch.Tensor:
    """Transformers gives the projected features bare or inside an output, by version."""
    return answer if isinstance(answer, torch.Tensor) else answer.pooler_output


def _unit(rows: torch.Tensor) -> torch.Tensor:
    return rows / rows.norm(dim=1, keepdim=True).clamp_min(1e-12)


def checked(
    synthetic: ImageSet, real: np.ndarray, classifier: Classifier, distance: float
) -> tuple[np.ndarray, dict[str, object]]:
    """Which images pass (of their class, and no copies), and the counts for the record."""
    recognised = copied = repeated = np.zeros(len(synthetic), bool)
    if len(synthetic):  # else the safety checker refused them all
        recognised = classifier.labels(synthetic.images) == synthetic.labels
        rows = classifier.features(synthetic.images)
        copied = nearest(rows, classifier.features(real)) < distance
        repeated = _earlier(rows) < distance
    passed = recognised & ~copied & ~repeated
    return passed, {
        "images": len(synthetic),
        "recognised": int(recognised.sum()),
        "near_training": int(copied.sum()),
        "near_each_other": int(repeated.sum()),
        "passed": int(passed.sum()),
        "passed_by_class": {
            str(label): int(passed[synthetic.labels == label].sum()) for label in np.unique(synthetic.labels)
        },
        "duplicate_distance": distance,
    }


def nearest(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Cosine distance of each row to the nearest of the others, in [0, 2]."""
    rows, others = _directions(rows), _directions(others)
    parts = [1 - (rows[start : start + BLOCK] @ others.T).max(1) for start in range(0, len(rows), BLOCK)]
    return np.concatenate([np.empty(0), *parts])


def _earlier(rows: np.ndarray) -> np.ndarray:
    """Cosine distance of each row to the nearest one before it; 2 for the first."""
    rows = _directions(rows)
    distances = np.full(len(rows), 2.0)
    for start in range(0, len(rows), BLOCK):
        stop = min(start + BLOCK, len(rows))
        likeness = rows[start:stop] @ rows[:stop].T
        later = np.arange(stop)[None, :] >= np.arange(start, stop)[:, None]
        likeness[later] = -1
        distances[start:stop] = 1 - likeness.max(1)
    return distances


def _directions(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.maximum(lengths, 1e-12)
