"""Measures the quality of a generator's images, per recipe."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from weightscape.errors import UserError
from weightscape.formats.shards import ImageSet, read_shards
from weightscape.provenance.records import read_record

GUESSING = 1.5
"""Accuracy over that by chance, below which a judge tells nothing."""


@dataclass(frozen=True)
class MeasureQualitySettings:
    """Settings of the stage `measure_quality`: how synthetic images are compared with real ones."""

    compared_images: int  # of each side, at most
    neighbours: int  # of precision, recall, density and coverage
    shown_per_class: int  # images kept for the figures
    floor: float  # least accuracy of the judge on synthetic images, over that on real test images
    coverage: float  # least share of real test images with a synthetic neighbour
    below_floor: Literal["stop", "train"]  # whether conditions of a failed recipe are refused
    seed: int


@dataclass(frozen=True)
class Quality:
    """How good the images of one recipe are: what the judge recognises, and measures in its features.

    A measure is None where it is not defined.
    """

    images: int
    compared_images: int
    judge_accuracy: float
    judge_accuracy_per_class: tuple[float, ...]
    kid: float | None
    precision: float | None
    recall: float | None
    density: float | None
    coverage: float | None


def by_recipe(shards: Sequence[Path]) -> dict[tuple[str, float], ImageSet]:
    """The images of each recipe and its guidance, from the records beside the shards."""
    groups: dict[tuple[str, float], list[Path]] = {}
    for path in shards:
        facts = read_record(path.with_suffix(".json"))["facts"]
        groups.setdefault((facts["recipe"], facts["guidance"]), []).append(path)
    content = {recipe: read_shards(sorted(paths)) for recipe, paths in groups.items()}
    for (recipe, _), images in content.items():
        if not len(images):
            raise UserError(
                f"recipe {recipe} has no images, as the gate or the safety checker let none pass: loosen "
                "generate.gate, set its filter or pipeline.safety_checker to false, or take another prompt"
            )
    return content


def quality(
    synthetic: ImageSet, real: ImageSet, weights: Mapping[str, np.ndarray], settings: MeasureQualitySettings
) -> Quality:
    """Judges synthetic images, and compares them with real ones in the judge's features."""
    from weightscape.diversity import reference
    from weightscape.generate import judge

    rng = np.random.default_rng(settings.seed)
    size = min(len(synthetic), len(real), settings.compared_images)
    fake = judge.features(weights, synthetic.images[rng.permutation(len(synthetic))[:size]]).astype(np.float64)
    true = judge.features(weights, real.images[rng.permutation(len(real))[:size]]).astype(np.float64)
    products = reference.inner_products(true, fake)
    kid = reference.unbiased_mmd(reference.polynomial_kernel(products, true.shape[1]))
    scores: dict[str, float | None] = dict.fromkeys(reference.MANIFOLD)
    if settings.neighbours < size:
        scores = reference.manifold_scores(reference.squared_distances_of(products), settings.neighbours)
    recognised = judge.predict(weights, synthetic.images).argmax(1) == synthetic.labels
    each = (float(recognised[synthetic.labels == label].mean()) for label in np.unique(synthetic.labels))
    accuracy, finite = float(recognised.mean()), kid if math.isfinite(kid) else None
    return Quality(len(synthetic), size, accuracy, tuple(each), finite, **scores)


def failed(recognised: float, trusted: float, floor: float) -> str:
    """Why a recipe has failed, by the judge's accuracies on its images and on real ones; empty if it has not.

    A judge that knows no real image (`trusted` is 0) lets none pass.
    """
    if recognised >= floor * trusted and (trusted > 0 or floor == 0):
        return ""
    return (
        f"the judge recognises {100 * recognised:.1f} % of its images and {100 * trusted:.1f} % of real ones, which is "
        f"below generate.quality.floor = {floor:g}"
    )


def failures(recognised: float, coverage: float | None, trusted: float, settings: MeasureQualitySettings) -> str:
    """Why a recipe has failed, by the judge or by the distance of its images from real ones; empty if it has not."""
    faults = [failed(recognised, trusted, settings.floor)]
    if coverage is not None and coverage < settings.coverage:
        faults.append(
            f"its images lie near {100 * coverage:.1f} % of real ones, which is below generate.quality.coverage = "
            f"{settings.coverage:g}"
        )
    return "; ".join(filter(None, faults))


def unjudged(trusted: float, classes: int) -> str:
    """Why a judge tells nothing of synthetic images, by its accuracy on real ones; empty if it does."""
    if trusted >= GUESSING / classes:
        return ""
    return (
        f"the judge recognises {100 * trusted:.1f} % of real test images, of {100 / classes:.1f} % by chance, so that "
        "nobody knows how good the images are: give it more images (`extra`) or epochs"
    )


def refused(faults: Mapping[str, str], below_floor: str) -> list[str]:
    """The recipes whose images no network is to be trained on, from why each has failed."""
    return [recipe for recipe, fault in faults.items() if fault] if below_floor == "stop" else []


def chosen(images: ImageSet, per_class: int) -> ImageSet:
    """The first images of every class, class by class."""
    rows = [np.flatnonzero(images.labels == label)[:per_class] for label in np.unique(images.labels)]
    return images.take(np.concatenate(rows))
