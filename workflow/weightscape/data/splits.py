"""Disjoint splits, stratified by class, of any data set, and the facts that the record of a split holds."""

from collections.abc import Mapping, Sequence

import numpy as np

from weightscape.errors import UserError

ALL = "all"  # stands in a config for every image that is there


def split_rows(labels: np.ndarray, counts: Mapping[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Disjoint rows for each split, every class in the same share (up to one image), in random order."""
    total = sum(counts.values())
    if total > len(labels):
        raise UserError(
            f"the splits ask for {total} images ({counts}), but the data set has {len(labels)}: lower the counts"
        )
    order = _stratified_order(labels, rng)
    bounds = np.cumsum([0, *counts.values()])
    return {
        name: rng.permutation(order[start:stop])
        for name, start, stop in zip(counts, bounds[:-1], bounds[1:], strict=True)
    }


def _stratified_order(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rows so ordered that every stretch holds the classes in nearly their overall shares."""
    position = np.empty(len(labels))
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        position[rows] = (np.arange(len(rows)) + rng.random()) / len(rows)
    return np.argsort(position, kind="stable")


def facts(labels: np.ndarray, shape: Sequence[int], classes: Sequence[str]) -> dict[str, object]:
    """Counts, shape [c, h, w] and classes of a split, for its record."""
    return {
        "images": len(labels),
        "shape": list(shape),
        "classes": list(classes),
        "per_class": np.bincount(labels, minlength=len(classes)).tolist(),
    }
