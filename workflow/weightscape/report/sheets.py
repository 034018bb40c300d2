"""Tables for reading, beside the figures: mean, standard deviation over seeds and n of each condition."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from weightscape.figures.parts import style
from weightscape.metrics.outcomes import ROBUST, ROBUST_ERROR, measured
from weightscape.metrics.spectral_metrics import PRIMARY
from weightscape.metrics.summaries import CONDITION, SETUP, summarise
from weightscape.report.downloads import csv_text
from weightscape.words import signed

DIGITS = 5  # of effects
NAMES = ["data set", "backbone", "family", "dose", "dose value"]
ABSENT = "\N{EN DASH}"
OVERALL = {"test accuracy (%)": "test", "mean OOD accuracy (%)": "ood", "ECE on test (%)": "ece"}
ROBUSTNESS = {"effective robustness (points)": ROBUST}
PREDICTION = {"error of its prediction (points)": ROBUST_ERROR}
ACTION = {
    "synthetic images (%)": "synthetic_share",
    "changed labels (%)": "changed_labels",
    "changed images (%)": "changed_images",
    "mean change of input (%)": "mean_input_change",
    "dropped at the head (%)": "head_drop_rate",
    "dropped paths (%)": "path_drop_rate",
    "accuracy on training batches (%)": "train_accuracy",
}
QUALITY = {  # label, factor, digits
    "judge_accuracy": ("judge's accuracy (%)", 100, 1),
    "judge_test_accuracy": ("judge on real test images (%)", 100, 1),
    "kid": ("KID", 1, 4),
    "precision": ("precision", 1, 2),
    "recall": ("recall", 1, 2),
    "density": ("density", 1, 2),
    "coverage": ("coverage", 1, 2),
}
Row = dict[Any, Any]


@dataclass(frozen=True)
class Sheet:
    """A table as text, and the numbers behind it as csv in base64."""

    name: str
    title: str
    note: str
    head: list[str]
    rows: list[list[str]]
    labels: int  # leading columns that name the row
    csv: str


def accuracy(evaluation: style.Table) -> Sheet:
    """Test accuracy, mean OOD accuracy, ECE and effective robustness of each condition."""
    note = (
        "Mean and standard deviation over n seeds. OOD accuracy and effective robustness: means over the OOD sets that "
        "no condition trains on. Effective robustness: OOD accuracy minus what test accuracy predicts. The prediction "
        "is a line through the conditions that differ only in the number of different real images, and has an error "
        "that more seeds do not lower. It is missing for fewer than 5 such conditions, if they span less than 10 "
        "points of test accuracy, or if its slope may be zero."
    )
    title = "Accuracy and calibration by condition"
    return _spreads("accuracy", title, note, measured(evaluation), OVERALL | ROBUSTNESS | PREDICTION)


def accuracy_by_set(evaluation: style.Table) -> Sheet:
    """Accuracy of each condition on each set of images."""
    long = evaluation.assign(measure=evaluation["split"], value=100 * evaluation["accuracy"])
    measures = {name.removeprefix("ood-"): name for name in long["split"].unique()}
    note = (
        "Mean and standard deviation over n seeds. All sets but train, val and test are out of distribution. The "
        "images of train are those of the baseline, without augmentation, also where a condition trains on others."
    )
    return _spreads("accuracy_by_set", "Accuracy (%) on each set of images", note, long, measures)


def action(runs: style.Table) -> Sheet:
    """The action of each condition, as measured on the tensors that were trained on."""
    runs = runs.reindex(columns=[*CONDITION, "seed", *ACTION.values()])
    long = runs.melt([*CONDITION, "seed"], list(ACTION.values()), "measure", "value")
    note = "Mean and standard deviation over n seeds, measured on the tensors that were trained on."
    return _spreads("action", "What each condition did", note, long.assign(value=100 * long["value"]), ACTION)


def quality(table: style.Table) -> Sheet:
    """Quality of the generator by recipe."""
    known = list(dict.fromkeys([*table.columns, *QUALITY]))
    table = table.reindex(columns=known).sort_values(["dataset", "generator"], kind="stable")
    rows = [
        [row["dataset"], row["generator"], row["recipe"], f"{row['guidance']:g}", f"{row['images']:.0f}"]
        + [_number(factor * row[name], digits) for name, (_, factor, digits) in QUALITY.items()]
        for row in table.to_dict("records")
    ]
    head = ["data set", "generator", "recipe", "guidance", "images", *(label for label, _, _ in QUALITY.values())]
    note = "One generator per data set, so no spread. KID: lower is better; the others: higher is better."
    return Sheet("quality", "Quality of the generator", note, head, rows, 3, _csv(table))


def splits(table: style.Table) -> Sheet:
    """Files that are not read, and copies, by set of images."""
    head = ["data set", "images of", "images", "unreadable", "no images of it", "equal to a training image"]
    head += ["nearly equal to one", "equal within", "under two classes"]
    rows = [[str(value) for value in row] for row in table.itertuples(index=False, name=None)]
    note = (
        "Equal images agree in every pixel; nearly equal ones differ as after JPEG or a resize by half, by a hash of "
        "their lowest frequencies. Copies of training images make an accuracy higher than it is on new images."
    )
    return Sheet("splits", "Files that are no images, and copies", note, head, rows, 2, _csv(table))


def effect(intervals: style.Table, interval: str) -> Sheet:
    """Mean effect on the hidden layers' log norm of each condition, from the table `effect_intervals`.

    `interval` is the heading of their column, with their level if it is known.
    """
    over_layers = (intervals["layer"] == "") & (intervals["role"] == "hidden")
    kept = over_layers & (intervals["source"] == "change") & (intervals["metric"] == PRIMARY)
    table = ordered(intervals[kept])
    rows = [
        [*_condition(row), f"{row['n']:.0f}", _number(row["change"], DIGITS), *_effect(row), f"{row['df']:.1f}"]
        for row in table.to_dict("records")
    ]
    head = [*NAMES, "n", "change", "effect", interval, "degrees of freedom"]
    note = (
        "Mean over the hidden layers of log10 of the squared Frobenius norm. Change: after minus before "
        "training. Effect: the change minus that of the baseline runs, with its standard deviation over n "
        "seeds. The interval includes the error of the baseline's mean. The variance of each condition is drawn "
        "towards that of all. It is not corrected for the number of conditions."
    )
    title = "Effect on the log norm of the hidden layers by condition"
    return _of_conditions("effects_on_log_norm", title, note, head, rows, table)


def ordered(table: style.Table) -> style.Table:
    """Conditions by data set and backbone, family in the order of the figures, and dose."""
    rank = {family: position for position, family in enumerate(style.ordered(table["family"]))}
    keys = [*SETUP, "rank", "number", "dose"]
    return table.assign(rank=table["family"].map(rank)).sort_values(keys).drop(columns="rank")


def _spreads(name: str, title: str, note: str, long: style.Table, measures: Mapping[str, str]) -> Sheet:
    """A sheet with mean and sd of each measure, from one row per run and measure."""
    table = _wide(long, list(measures.values()))
    rows = [
        [*_condition(row), f"{row['n']:.0f}"]
        + [spread(row[f"{key}_mean"], row[f"{key}_sd"], 1) for key in measures.values()]
        for row in table.to_dict("records")
    ]
    return _of_conditions(name, title, note, [*NAMES, "n", *measures], rows, table)


def _of_conditions(
    name: str, title: str, note: str, head: list[str], rows: list[list[str]], table: style.Table
) -> Sheet:
    """A sheet with one row per condition; data set and backbone are columns where there are several."""
    skipped = len(SETUP) if len({tuple(row[: len(SETUP)]) for row in rows}) < 2 else 0
    rows = [row[skipped:] for row in rows]
    return Sheet(name, title, note, head[skipped:], rows, len(NAMES) - skipped, _csv(table))


def _wide(long: style.Table, measures: list[str]) -> style.Table:
    """One row per condition: n, and mean and sd of each measure."""
    if long.empty:
        return long.assign(n=0)[[*CONDITION, "n"]]
    means = summarise(long, [*CONDITION, "measure"])
    wide = means.set_index([*CONDITION, "measure"]).unstack("measure")  # noqa: PD010 (pivot_table makes all pairs)
    wide = wide.reindex(columns=pd.MultiIndex.from_product([["mean", "sd", "n"], measures]))
    columns = {"n": wide["n"].max(axis=1)}
    for name in measures:
        columns |= {f"{name}_mean": wide["mean"][name], f"{name}_sd": wide["sd"][name]}
    return ordered(pd.DataFrame(columns).reset_index())


def _condition(row: Row) -> list[str]:
    return [row["dataset"], row["backbone"], style.look(row["family"]).title, row["dose"], f"{row['number']:g}"]


def _effect(row: Row) -> list[str]:
    """Effect with its spread, and interval; the baseline's effect is zero by definition."""
    low, high = row["low"], row["high"]
    interval = f"[{_number(low, DIGITS)}, {_number(high, DIGITS)}]" if np.isfinite(low) else ABSENT
    return [spread(row["mean"], row["sd"], DIGITS), interval]


def _number(value: float, digits: int) -> str:
    return signed(value, digits) if np.isfinite(value) else ABSENT


def spread(mean: float, sd: float, digits: int) -> str:
    """`mean +- sd`, each a dash where it is not known."""
    return f"{_number(mean, digits)} \N{PLUS-MINUS SIGN} {_number(sd, digits)}" if np.isfinite(mean) else ABSENT


def _csv(table: style.Table) -> str:
    return base64.b64encode(csv_text(table).encode()).decode()
