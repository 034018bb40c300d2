"""Tables of diversity, quality and samples of the images."""

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from weightscape.families import DRAWING_FAMILIES, SYNTHETIC_FAMILIES
from weightscape.formats.json_yaml import read_json
from weightscape.formats.shards import map_shard
from weightscape.formats.tables import Table
from weightscape.formats.tensors import read_tensors
from weightscape.metrics.tables.outline import Condition, Outline, folder
from weightscape.provenance.records import read_record

Row = dict[str, str | int | bytes]
JUDGE = "judge"
"""The record beside those of the spaces."""
SHORT = {"vendi.common.mean.": "vendi_", "vendi.whole.": "vendi_whole_", "geometry.": "", "reference.": ""}
"""Long names of measures, shortened for columns and plots."""


def judge_accuracy(results: Path, outline: Outline) -> dict[tuple[str, str, str, int], float]:
    """The judge's accuracy by (dataset, family, dose, seed), where the images were looked at."""
    return {
        (dataset, condition.family, condition.dose, seed): record["judge_accuracy"]
        for dataset, condition, seed, space, record in _measures(results, outline)
        if space == JUDGE
    }


def diversity(results: Path, outline: Outline) -> Table:
    """Long table of the diversity measures of each condition and seed: space, measure, value."""
    rows = []
    for dataset, condition, seed, space, record in _measures(results, outline):
        key = {"dataset": dataset, **vars(condition), "seed": seed, "space": space}
        rows += [{**key, "measure": name, "value": value} for name, value in _flat(record) if space != JUDGE]
    return pd.DataFrame(rows)


def _measures(results: Path, outline: Outline) -> Iterator[tuple[str, Condition, int, str, dict]]:
    """The record of each data set, condition, seed and space."""
    for dataset, condition in itertools.product(outline.datasets, outline.measured):
        records = read_json(_folder(results, dataset, condition) / "measures.json")
        for seed, spaces in records.items():
            for space, record in spaces.items():
                yield dataset, condition, int(seed), space, record


def _folder(results: Path, dataset: str, condition: Condition) -> Path:
    return folder(results, "diversity", dataset=dataset, **vars(condition))


def _flat(record: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, float]]:
    """The numbers of a nested record with dotted names; lists (curves, single classes) stay in the record."""
    for name, value in record.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            start = next((long for long in SHORT if path.startswith(long)), "")
            yield SHORT.get(start, "") + path.removeprefix(start), float(value)


def splits(results: Path, outline: Outline) -> Table:
    """One row per split that the study reads: its images, the files that are none, and its copies."""
    rows: list[dict[str, str | int]] = []
    for dataset, names in outline.read.items():
        for name in names:
            facts = read_record(folder(results, "split", dataset=dataset, split=name) / "manifest.json")["facts"]
            copies = facts.get("copies", {"within": {}, "across": {}})
            across = copies["across"].get("train", {})
            counts = {key: across.get(key, 0) for key in ("equal", "near")}
            two = copies["within"].get("other_class", 0) + across.get("other_class", 0)
            unread = {
                "unreadable": facts.get("unreadable", {}).get("skipped", 0),
                "left_out": sum(facts.get("left_out", {}).values()),
            }
            key = {"dataset": dataset, "split": name, "images": facts["images"]}
            rows.append(
                {**key, **unread, **counts, "equal_within": copies["within"].get("equal", 0), "other_class": two}
            )
    return pd.DataFrame(rows)


def quality(results: Path, outline: Outline) -> Table:
    """One row per data set, generator and recipe, with the conditions whose items it made."""
    if not outline.generator:
        return pd.DataFrame()
    paths = {name: folder(results, "generator", dataset=name, generator=outline.generator) for name in outline.datasets}
    rows = []
    for name, path in paths.items():
        drawn = _drawn(results, outline, name)
        for row in read_json(path / "quality.json"):
            rows.append({"dataset": name, **row, "conditions": drawn.get(row["recipe"], [])})
    return pd.DataFrame(rows)


def _drawn(results: Path, outline: Outline, dataset: str) -> dict[str, list[str]]:
    """The conditions that draw from each recipe, as `family/dose`, by the records of their items."""
    found: dict[str, list[str]] = {}
    for run in outline.runs():
        path = folder(results, "diversity", **vars(run)).parent / f"seed{run.seed}" / "manifest.json"  # of its items
        name = f"{run.family}/{run.dose}"
        if run.dataset == dataset and run.family in SYNTHETIC_FAMILIES and path.is_file():
            conditions = found.setdefault(read_record(path)["settings"]["change"]["recipe"], [])
            if name not in conditions:
                conditions.append(name)
    return found


def samples(results: Path, outline: Outline, per_set: int = 20, per_class: int = 6) -> Table:
    """Example images: real, as each augmentation shows them, and synthetic; pixels as bytes of uint8 [c, h, w].

    Real ones are the first of the set, which the augmented ones were made of, and the first of each class. Those that
    a condition chooses by their diversity are the first chosen of its first run, by their order.
    """
    rows: list[Row] = []
    for dataset in outline.datasets:
        train = folder(results, "split", dataset=dataset, split="train")
        whole = map_shard(train / sorted(read_record(train / "manifest.json")["outputs"])[0])
        first = [np.flatnonzero(whole.labels == label)[:per_class] for label in np.unique(whole.labels)]
        shown = np.unique(np.concatenate([np.arange(min(per_set, len(whole.labels))), *first]))
        real = whole.take(shown)
        rows += _pictures(real.images, real.labels, shown, dataset=dataset, kind="real")
        for condition in outline.measured:
            if condition.family not in ("augment", "noise"):
                continue
            path = _folder(results, dataset, condition) / "samples.safetensors"
            images = next(iter(read_tensors(path).values()))[:per_set]
            key = {"kind": condition.family, "family": condition.family, "dose": condition.dose}
            rows += _pictures(images, real.labels, None, dataset=dataset, **key)
        if outline.generator:
            path = folder(results, "generator", dataset=dataset, generator=outline.generator) / "samples.safetensors"
            tensors = read_tensors(path)
            for recipe in (name.removeprefix("images/") for name in tensors if name.startswith("images/")):
                images, labels = tensors[f"images/{recipe}"], tensors[f"labels/{recipe}"]
                rows += _pictures(images, labels, None, dataset=dataset, kind="synthetic", recipe=recipe)
    return pd.DataFrame([*rows, *_chosen(results, outline, per_set)])


def _chosen(results: Path, outline: Outline, most: int) -> Iterator[Row]:
    """The first chosen images of the first run of each condition that chooses, where its items are there."""
    looked: set[tuple[str, str, str]] = set()
    for run in outline.runs():
        key = {"dataset": run.dataset, "family": run.family, "dose": run.dose}
        path = folder(results, "diversity", **vars(run)).parent / f"seed{run.seed}" / "items.parquet"
        if tuple(key.values()) in looked or run.family not in DRAWING_FAMILIES or not path.is_file():
            continue
        looked.add((run.dataset, run.family, run.dose))
        items = pd.read_parquet(path)
        if "order" not in items:
            continue
        first = items.query("order > 0").sort_values(by="order").head(most)
        for item in first.to_dict("records"):
            image = map_shard(results / str(item["shard"])).images[[item["index"]]]
            yield from _pictures(image, np.array([item["label"]]), np.array([item["order"]]), kind="chosen", **key)


def _pictures(images: np.ndarray, labels: np.ndarray, places: np.ndarray | None, **columns: str) -> list[Row]:
    """A row for each image with a label; columns that are not given are empty."""
    _, channels, height, width = images.shape
    key = dict.fromkeys(("dataset", "recipe", "kind", "family", "dose"), "") | columns
    shape = {"channels": channels, "height": height, "width": width}
    places = np.arange(len(images)) if places is None else places
    return [
        {**key, "label": int(label), "position": int(place), **shape, "pixels": image.tobytes()}
        for place, image, label in zip(places, images, labels, strict=False)
    ]
