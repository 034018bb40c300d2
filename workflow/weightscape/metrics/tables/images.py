"""Tables of diversity, quality and samples of the images."""

import itertools
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from weightscape.formats.json_yaml import read_json
from weightscape.formats.shards import map_shard
from weightscape.formats.tables import Table
from weightscape.formats.tensors import read_tensors
from weightscape.metrics.tables import folders
from weightscape.metrics.tables.outline import Outline, flat
from weightscape.provenance.records import read_record


def judge_accuracy(results: Path, outline: Outline) -> dict[tuple[Any, ...], float]:
    """The judge's accuracy by (dataset, family, dose, seed), where the images were looked at."""
    found = {}
    for dataset, condition in itertools.product(outline.datasets, outline.measured):
        folder = folders.diversity(results, dataset, condition.family, condition.dose)
        records = read_json(folder / "measures.json")
        for seed, spaces in records.items():
            found[dataset, condition.family, condition.dose, int(seed)] = spaces[JUDGE]["judge_accuracy"]
    return found


JUDGE = "judge"
"""The record beside those of the spaces."""


def diversity(results: Path, outline: Outline) -> Table:
    """Long table of the diversity measures of each condition and seed: space, measure, value."""
    rows = []
    for dataset, condition in itertools.product(outline.datasets, outline.measured):
        folder = folders.diversity(results, dataset, condition.family, condition.dose)
        records = read_json(folder / "measures.json")
        for seed, spaces in records.items():
            for space, record in ((space, record) for space, record in spaces.items() if space != JUDGE):
                condition_of = asdict(condition)
                key = {"dataset": dataset, **condition_of, "seed": int(seed), "space": space}
                rows += [{**key, "measure": measure, "value": value} for measure, value in flat(record)]
    return pd.DataFrame(rows)


def quality(results: Path, outline: Outline) -> Table:
    """One row per data set, generator and recipe."""
    rows = [
        {"dataset": dataset, **row}
        for dataset in outline.datasets
        if outline.generator
        for row in read_json(folders.generator(results, dataset, outline.generator) / "quality.json")
    ]
    return pd.DataFrame(rows)


def samples(results: Path, outline: Outline, per_set: int = 20, per_class: int = 6) -> Table:
    """Example images: real, as each augmentation shows them, and synthetic; pixels as bytes of uint8 [c, h, w].

    Real ones are the first of the set, which the augmented ones were made of, and the first of each class.
    """
    rows: list[dict[str, Any]] = []
    for dataset in outline.datasets:
        train = folders.split(results, dataset, "train")
        shard = train / sorted(read_record(train / "manifest.json")["outputs"])[0]
        whole = map_shard(shard)
        first = [np.flatnonzero(whole.labels == label)[:per_class] for label in np.unique(whole.labels)]
        shown = np.unique(np.concatenate([np.arange(min(per_set, len(whole.labels))), *first]))
        real = whole.take(shown)
        key = {"kind": "real", "family": "", "dose": ""}
        rows += _pictures(real.images, real.labels, shown, dataset=dataset, recipe="", **key)
        for condition in outline.measured:
            if condition.family not in ("augment", "noise"):
                continue
            folder = folders.diversity(results, dataset, condition.family, condition.dose)
            images = next(iter(read_tensors(folder / "samples.safetensors").values()))[:per_set]
            key = {"kind": condition.family, "family": condition.family, "dose": condition.dose}
            rows += _pictures(images, real.labels, None, dataset=dataset, recipe="", **key)
        if outline.generator:
            path = folders.generator(results, dataset, outline.generator) / "samples.safetensors"
            for name, images in read_tensors(path).items():
                if name.startswith("images/"):
                    recipe = name.removeprefix("images/")
                    labels = read_tensors(path)[f"labels/{recipe}"]
                    key = {"kind": "synthetic", "family": "", "dose": "", "recipe": recipe}
                    rows += _pictures(images, labels, None, dataset=dataset, **key)
    return pd.DataFrame(rows)


def _pictures(
    images: np.ndarray, labels: np.ndarray, places: np.ndarray | None = None, **columns: Any
) -> list[dict[str, Any]]:
    _, channels, height, width = images.shape
    shape = {"channels": channels, "height": height, "width": width}
    places = np.arange(len(images)) if places is None else places
    return [
        {**columns, "label": int(label), "position": int(place), **shape, "pixels": image.tobytes()}
        for place, image, label in zip(places, images, labels, strict=False)
    ]
