"""The tables of every run, gathered from its records: its training, accuracy, calibration, curvature and penalties."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import softmax

from weightscape.errors import UserError
from weightscape.finetune.calibration import bin_of
from weightscape.formats.json_yaml import read_json
from weightscape.formats.shards import read_labels
from weightscape.formats.tables import Table
from weightscape.formats.tensors import read_tensors
from weightscape.metrics.outcomes import effective_robustness
from weightscape.metrics.tables.images import judge_accuracy
from weightscape.metrics.tables.outline import Outline, Run, folder
from weightscape.project import STAGE_FOLDERS
from weightscape.provenance.records import read_record


def runs(results: Path, outline: Outline) -> Table:
    """One row per run: what it was trained on, what was seen to act, how training ended.

    `judge_accuracy` is the share of its images, as the network sees them, that the judge assigns to their class; nan
    where the family leaves images alone. Facts of single modules and operations stay in the record.
    """
    judged = judge_accuracy(results, outline)
    rows = []
    for run in outline.runs():
        facts = read_record(folder(results, "run", **vars(run)) / "manifest.json")["facts"]
        action = {name: value for name, value in facts["action"].items() if not isinstance(value, dict)}
        judge = {"judge_accuracy": judged.get((run.dataset, run.family, run.dose, run.seed), float("nan"))}
        final = {f"train_{name}": facts["final"][name] for name in ("loss", "accuracy")}
        made = {name: facts[name] for name in ("items", "precision", "device")}
        rows.append({**vars(run), **made, **action, **judge, **final})
    table = pd.DataFrame(rows)
    check_one_precision(table)
    return table


def check_one_precision(runs: Table) -> None:
    """Refuse runs of one network in several precisions: these move spectra further than another seed does."""
    for (dataset, backbone), same in runs.groupby(["dataset", "backbone"]):
        counts = same["precision"].value_counts()
        if len(counts) > 1:
            first = same.loc[same["precision"] == counts.index[-1]].iloc[0]
            raise UserError(
                f"the runs of {backbone} on {dataset} were trained in {len(counts)} precisions ("
                + ", ".join(f"{count} in {precision}" for precision, count in counts.items())
                + f"; the first in {counts.index[-1]}: {first.family}, {first.dose}, seed {first.seed}): name one as "
                f"backbones.{backbone}.precision, so that the others run again"
            )


def evaluation(results: Path, outline: Outline) -> Table:
    """One row per run and split: the metrics, whether the family's own policy has the corruption, robustness.

    `severity` is that of a corruption, 1 to 5; nan for other sets.
    """
    rows = []
    for run, split, metrics in _by_split(results, outline):
        values = {name: value for name, value in metrics.items() if name != "class_accuracy"}
        seen = split in outline.seen[run.dataset].get(f"{run.family}/{run.dose}", [])
        rows.append({**vars(run), "split": split, "severity": _severity(outline, run, split), "seen": seen, **values})
    table = pd.DataFrame(rows)
    return pd.concat([table, effective_robustness(table)], axis=1)


def class_accuracy(results: Path, outline: Outline) -> Table:
    """One row per run, split and class; a class without images has none."""
    rows = []
    for run, split, metrics in _by_split(results, outline):
        key = {**vars(run), "split": split, "severity": _severity(outline, run, split)}
        accuracies = enumerate(metrics["class_accuracy"])
        rows += [{**key, "label": label, "accuracy": value} for label, value in accuracies if value is not None]
    return pd.DataFrame(rows)


def _by_split(results: Path, outline: Outline) -> Iterator[tuple[Run, str, dict]]:
    for run in outline.runs():
        metrics = read_json(folder(results, "evaluation", **vars(run)) / "metrics.json")
        for split in outline.splits[run.dataset]:
            if split not in metrics:
                raise UserError(f"{run.name} has no evaluation on {split!r}: run the stage evaluate again")
            yield run, split, metrics[split]


def _severity(outline: Outline, run: Run, split: str) -> float:
    return float(outline.severity[run.dataset].get(split, float("nan")))


def curvature(results: Path, outline: Outline) -> Table:
    """One row per run whose curvature was measured."""
    found = _measures(results, "curvature", outline.curved_runs())
    return pd.DataFrame([{**vars(run), **values} for run, values in found])


def penalties(results: Path, outline: Outline) -> Table:
    """One row per run and family whose penalty was measured at its weights."""
    rows = []
    for run, values in _measures(results, "penalties", outline.penalised_runs()):
        clean = values["clean_loss"]
        shared = {**vars(run), "clean_loss": clean, "images": values["images"], "draws": values["draws"]}
        rows += [
            {**shared, "penalty": family, "penalty_dose": dose, "perturbed_loss": loss, "value": loss - clean}
            for family, dose in outline.penalties.items()
            for loss in [values["perturbed_loss"][family]]
        ]
    return pd.DataFrame(rows)


def _measures(results: Path, kind: str, runs: Iterable[Run]) -> Iterator[tuple[Run, dict[str, Any]]]:
    """Yields the measures of each run; refuses runs of one data set that were measured on different images."""
    first: dict[str, tuple[str, dict[str, str]]] = {}
    for run in runs:
        place = folder(results, kind, **vars(run))
        inputs = read_record(place / "manifest.json")["inputs"]
        data = f"{STAGE_FOLDERS['data']}/{run.dataset}/"
        images = {name: digest for name, digest in inputs.items() if name.startswith(data)}
        other, others = first.setdefault(run.dataset, (run.name, images))
        if images != others:
            raise UserError(
                f"{run.name} was measured on {', '.join(images)}, {other} on {', '.join(others)} or on other images "
                f"of that name, so that they do not compare: run the stage {kind} again"
            )
        yield run, read_json(place / "measures.json")


def reliability(results: Path, outline: Outline) -> Table:
    """One row per run, split and bin of confidence: images, their mean confidence and accuracy (NaN if empty)."""
    bins = outline.calibration_bins
    labels = {
        (dataset, split): _labels(folder(results, "split", dataset=dataset, split=split))
        for dataset in outline.datasets
        for split in outline.splits[dataset]
    }
    parts = []
    for run in outline.runs():
        logits = read_tensors(folder(results, "evaluation", **vars(run)) / "logits.safetensors")
        for split in outline.splits[run.dataset]:
            table = reliability_bins(logits[split], labels[run.dataset, split], bins)
            parts.append(pd.concat([pd.DataFrame([{**vars(run), "split": split}] * bins), table], axis=1))
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


def _labels(split: Path) -> np.ndarray:
    """The labels of a split, without its images."""
    outputs = read_record(split / "manifest.json")["outputs"]
    return np.concatenate([read_labels(split / name) for name in sorted(outputs)])
