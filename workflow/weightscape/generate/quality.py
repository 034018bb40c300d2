"""Measures the quality of a generator's images, per recipe."""

from pathlib import Path
from typing import Any

import numpy as np

from weightscape.errors import UserError
from weightscape.formats.shards import ImageSet, read_shards
from weightscape.provenance.records import read_record


def by_recipe(shards: list[Path]) -> dict[tuple[str, float], ImageSet]:
    """The images of each recipe and its guidance, from the records beside the shards."""
    groups: dict[tuple[str, float], list[Path]] = {}
    for path in shards:
        facts = read_record(path.with_suffix(".json"))["facts"]
        groups.setdefault((facts["recipe"], facts["guidance"]), []).append(path)
    found = {recipe: read_shards(sorted(paths)) for recipe, paths in groups.items()}
    for (recipe, _), images in found.items():
        if not len(images):
            raise UserError(
                f"recipe {recipe} has no images, as the gate or the safety checker let none pass: loosen "
                "generate.gate, set its filter or pipeline.safety_checker to false, or take another prompt"
            )
    return found


def quality(
    synthetic: ImageSet, real: ImageSet, weights: dict[str, np.ndarray], settings: dict[str, Any]
) -> dict[str, Any]:
    """Share of images that the judge recognises, and KID, precision, recall, density, coverage in its features."""
    from weightscape.diversity.measure import plain
    from weightscape.diversity.reference import against
    from weightscape.generate import judge

    rng = np.random.default_rng(settings["seed"])
    size = min(len(synthetic), len(real), settings["quality"]["compared_images"])
    fake = judge.features(weights, synthetic.images[rng.permutation(len(synthetic))[:size]])
    true = judge.features(weights, real.images[rng.permutation(len(real))[:size]])
    record = against(
        true.astype(np.float64),
        fake.astype(np.float64),
        neighbours=settings["quality"]["neighbours"],
        block=min(100, size),
        assigned=min(300, size),
        projections=64,
        rng=rng,
    )
    recognised = judge.predict(weights, synthetic.images).argmax(1) == synthetic.labels
    return {
        "images": len(synthetic),
        "compared_images": size,
        "judge_accuracy": float(recognised.mean()),
        "judge_accuracy_per_class": [
            float(recognised[synthetic.labels == label].mean()) for label in np.unique(synthetic.labels)
        ],
        "kid": plain(record["kid"]["value"]),
        **{name: plain(record[name]) for name in ("precision", "recall", "density", "coverage")},
    }


def chosen(images: ImageSet, per_class: int) -> ImageSet:
    """The first images of every class, class by class."""
    rows = [np.flatnonzero(images.labels == label)[:per_class] for label in np.unique(images.labels)]
    return images.take(np.concatenate(rows))
