"""Tables of accuracy, calibration and curvature of every run."""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import softmax

from weightscape.errors import UserError
from weightscape.finetune.calibration import bin_of
from weightscape.formats.json_yaml import read_json
from weightscape.formats.tables import Table
from weightscape.formats.tensors import read_tensors
from weightscape.metrics.robustness import effective_robustness
from weightscape.metrics.tables import folders
from weightscape.metrics.tables.outline import Outline, curved_runs, runs_of
from weightscape.provenance.records import read_record

BINS = 48
"""Bins of a spectrum's histogram, of equal width in log10 of the eigenvalue."""


def reliability(results: Path, outline: Outline) -> Table:
    """One row per run, split and bin of confidence: images, their mean confidence and accuracy (NaN if empty)."""
    bins = outline.calibration_bins
    known: dict[tuple[str, str], np.ndarray] = {}
    parts = []
    for columns, run in runs_of(outline):
        logits = read_tensors(folders.evaluation(results, run) / "logits.safetensors")
        for split in outline.splits[columns["dataset"]]:
            place = (columns["dataset"], split)
            if place not in known:
                known[place] = _labels(folders.split(results, columns["dataset"], split))
            table = reliability_bins(logits[split], known[place], bins)
            parts.append(pd.concat([pd.DataFrame([{**columns, "split": split}] * bins), table], axis=1))
    return pd.concat(parts, ignore_index=True)


def reliability_bins(logits: np.ndarray, labels: np.ndarray, bins: int) -> Table:
    """Images, mean confidence and accuracy in equal-width bins of confidence on (0, 1] (Guo et al. 2017, eq. 1-2)."""
    p = softmax(logits.astype(np.float64), axis=1)
    confidence, right = p.max(axis=1), p.argmax(axis=1) == labels
    at = bin_of(confidence, bins)
    images = np.bincount(at, minlength=bins)
    some = np.where(images > 0, images, np.nan)
    means = [np.bincount(at, weights=x, minlength=bins) / some for x in (confidence, right)]
    return pd.DataFrame({"bin": range(bins), "images": images, "confidence": means[0], "accuracy": means[1]})


def _labels(folder: Path) -> np.ndarray:
    """The labels of a split, without its images."""
    from safetensors import safe_open

    found = []
    for name in sorted(read_record(folder / "manifest.json")["outputs"]):
        try:
            with safe_open(folder / name, "np") as shard:
                found.append(shard.get_tensor("labels"))
        except OSError as error:
            raise UserError(f"{folder / name} cannot be read ({error}): run the stage data again") from None
    return np.concatenate(found)


def evaluation(results: Path, outline: Outline) -> Table:
    """One row per run and split: the metrics, whether the family's own policy has the corruption, robustness.

    `severity` is that of a corruption, 1 to 5; nan for other sets.
    """
    rows = []
    for columns, run in runs_of(outline):
        metrics = read_json(folders.evaluation(results, run) / "metrics.json")
        for split in outline.splits[columns["dataset"]]:
            if split not in metrics:
                raise UserError(f"{run} has no evaluation on {split!r}: run the stage evaluate again")
            values = {name: value for name, value in metrics[split].items() if name != "class_accuracy"}
            seen = split in outline.seen[columns["dataset"]].get(f"{columns['family']}/{columns['dose']}", [])
            severity = _severity(outline, columns["dataset"], split)
            rows.append({**columns, "split": split, "severity": severity, "seen": seen, **values})
    table = pd.DataFrame(rows)
    table["effective_robustness"], table["no_robustness_because"] = effective_robustness(table)
    return table


def _severity(outline: Outline, dataset: str, split: str) -> float:
    return float(outline.severity[dataset].get(split, float("nan")))


def class_accuracy(results: Path, outline: Outline) -> Table:
    """One row per run, split and class; a class without images has none."""
    rows = []
    for columns, run in runs_of(outline):
        metrics = read_json(folders.evaluation(results, run) / "metrics.json")
        for split in outline.splits[columns["dataset"]]:
            severity = _severity(outline, columns["dataset"], split)
            for label, value in enumerate(metrics[split]["class_accuracy"]):
                if value is not None:
                    rows.append({**columns, "split": split, "severity": severity, "label": label, "accuracy": value})
    return pd.DataFrame(rows)


def curvature(results: Path, outline: Outline) -> Table:
    """One row per run whose curvature was measured."""
    rows = [
        {**columns, **read_json(folders.curvature(results, run) / "measures.json")}
        for columns, run in curved_runs(outline)
    ]
    return pd.DataFrame(rows)
