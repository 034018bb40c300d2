"""Outcomes of each run: accuracy, calibration, robustness beyond what test accuracy predicts, diversity of its images.

A corruption that some condition trains on is no shift to it; so that conditions stay comparable, such a set leaves
the mean over OOD sets for all conditions of a data set and backbone (METHODS 6).

Effective robustness: Taori et al. 2020 (arXiv 2007.00644). Per data set, backbone and OOD set, the line
logit(OOD) = a + b logit(ID) is fitted through the means of conditions that no intervention changed but in the number of
different images. They must be five at least, span ten points of test accuracy, and give a slope that differs from zero
(t on two fewer degrees of freedom than conditions), else nothing is predicted. The standard error of the predicted mean
goes with each value: conditions are the samples, and more seeds do not lower it.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit, logit, stdtrit

from weightscape.families import BASELINE, REAL_IMAGE_FAMILIES
from weightscape.formats.tables import Table
from weightscape.metrics.effects import RUN

ROBUST, ROBUST_ERROR = "robust", "robust_error"
LEAST_CONDITIONS = 5
LEAST_SPAN = 0.10
"""Of ID accuracy among the reference conditions."""
ALPHA = 0.05
"""Of the slope differing from zero."""


def unseen(evaluation: Table) -> pd.Series:
    """Which rows are of OOD sets that no condition of their data set and backbone trains on (column `seen`)."""
    ood = evaluation["split"].astype(str).str.startswith("ood-")
    if "seen" not in evaluation:
        return ood
    met = evaluation["seen"].astype(bool).groupby([evaluation[name] for name in ("dataset", "backbone", "split")])
    return ood & ~met.transform("any")


def effective_robustness(evaluation: Table) -> Table:
    """For each row of the evaluation table `effective_robustness` and its standard error (nan where there is none), and
    the reason for its absence.
    """
    found = pd.DataFrame({ROBUST: np.nan, ROBUST_ERROR: np.nan, "reason": "in distribution"}, evaluation.index)
    run = ["dataset", "backbone", "family", "dose", "seed"]
    test = evaluation[evaluation["split"] == "test"].set_index(run)["accuracy"]
    ood = evaluation[evaluation["split"].str.startswith("ood-")]
    for _, rows in ood.groupby(["dataset", "backbone", "split"], sort=False):
        inside = test.loc[list(rows[run].itertuples(index=False, name=None))].to_numpy()
        unmodified = ((rows["dose"] == BASELINE) | rows["family"].isin(REAL_IMAGE_FAMILIES)).to_numpy()
        pairs = rows[["family", "dose", "accuracy"]].assign(inside=inside)[unmodified]
        family = pairs["family"].where(pairs["dose"] != BASELINE, BASELINE)
        means = pairs.groupby([family, pairs["dose"]])[["inside", "accuracy"]].mean()
        line, reason = _line(means["inside"].to_numpy(), means["accuracy"].to_numpy())
        found.loc[rows.index, "reason"] = reason
        if line is not None:
            predicted, error = line.at(_logit(inside))
            found.loc[rows.index, ROBUST] = rows["accuracy"].to_numpy() - predicted
            found.loc[rows.index, ROBUST_ERROR] = error
    names = {ROBUST: "effective_robustness", ROBUST_ERROR: "robustness_error", "reason": "no_robustness_because"}
    return found.rename(columns=names)


class Line(NamedTuple):
    """A least-squares line of logits through k conditions: height at their mean x, squares of x, residual variance."""

    height: float
    slope: float
    centre: float
    squares: float
    variance: float
    k: int

    def at(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The predicted accuracies at logits x, and their standard errors (delta method)."""
        share = expit(self.height + self.slope * (x - self.centre))
        error = np.sqrt(self.variance * (1 / self.k + (x - self.centre) ** 2 / self.squares))
        return share, share * (1 - share) * error


def _line(inside: np.ndarray, outside: np.ndarray) -> tuple[Line | None, str]:
    """The line through the reference conditions' accuracies; None with the reason if they do not carry one."""
    if len(inside) < LEAST_CONDITIONS or np.ptp(inside) < LEAST_SPAN:
        return None, "no reference"
    x, y = _logit(inside), _logit(outside)
    centred, df = x - x.mean(), len(x) - 2
    squares = float(centred @ centred)
    slope = float(centred @ y) / squares
    rest = y - y.mean() - slope * centred
    variance = float(rest @ rest) / df
    if not abs(slope) > stdtrit(df, 1 - ALPHA / 2) * np.sqrt(variance / squares):
        return None, "the slope of the reference does not differ from zero"
    return Line(float(y.mean()), slope, float(x.mean()), squares, variance, len(x)), ""


def _logit(share: np.ndarray) -> np.ndarray:
    """Logits of shares, kept off 0 and 1 by half an image of a thousand."""
    return logit(np.clip(share, 0.0005, 0.9995))


def measured(evaluation: Table) -> Table:
    """One row per run and measure, as columns `measure` and `value`, in percent.

    OOD accuracy and effective robustness are means over the OOD sets that count (`unseen`), with equal weight, the
    latter over those that have a line, which count as independent in its error; a run without one has no row for it.
    """
    test = evaluation[evaluation["split"] == "test"]
    away = evaluation[unseen(evaluation)]
    away = away.assign(
        robust=away.get("effective_robustness", float("nan")), square=away.get("robustness_error", float("nan")) ** 2
    )
    runs = away.groupby(RUN, as_index=False)
    ood = runs[["accuracy", "robust", "square"]].mean().assign(sets=runs["robust"].count()["robust"])
    parts = [
        test[RUN].assign(measure="test", value=100 * test["accuracy"]),
        ood[RUN].assign(measure="ood", value=100 * ood["accuracy"]),
        test[RUN].assign(measure="ece", value=100 * test["ece"]),
        ood[RUN].assign(measure=ROBUST, value=100 * ood["robust"]).dropna(subset="value"),
        ood[RUN].assign(measure=ROBUST_ERROR, value=100 * np.sqrt(ood["square"] / ood["sets"])).dropna(subset="value"),
    ]
    return pd.concat(parts, ignore_index=True)


def each_once(diversity: Table) -> Table:
    """The rows of the table `diversity` with each data set once, under the first seed that has it.

    Stage 3 measures each training set once and copies its record to every seed that shares it. Two seeds of a condition
    share a set if all their measures are equal to the last bit.
    """
    if diversity.empty:
        return diversity
    keys = ["dataset", "family", "dose"]
    rows = diversity.sort_values(["space", "measure"], kind="stable")
    groups = rows.groupby([*keys, "seed"], sort=True)["value"]
    prints = groups.agg(lambda values: values.to_numpy(float).tobytes()).reset_index()
    kept = prints.drop_duplicates([*keys, "value"]).set_index([*keys, "seed"]).index
    return diversity[diversity.set_index([*keys, "seed"]).index.isin(kept)]


def of_all_runs(evaluation: Table, diversity: Table, setups: Iterable[tuple[str, str]]) -> Table:
    """The measures of `measured`, accuracy on each OOD set, and Vendi scores of each data set, for every setup."""
    columns = [*RUN, "measure", "value"]
    parts = [measured(evaluation), *_by_set(evaluation), *_vendi(each_once(diversity), setups)]
    return pd.concat([part[columns] for part in parts if len(part)] or [pd.DataFrame(columns=columns)])


def _by_set(evaluation: Table) -> Iterator[Table]:
    for split in evaluation["split"].unique():
        if split.startswith("ood-"):
            rows = evaluation[evaluation["split"] == split]
            yield rows.assign(measure=split, value=100 * rows["accuracy"])


def _vendi(diversity: Table, setups: Iterable[tuple[str, str]]) -> Iterator[Table]:
    scores = diversity[diversity["measure"] == "vendi_1"]
    for dataset, backbone in setups:
        for measure, space in (("vendi-pixels", "pixels"), ("vendi-embedding", backbone)):
            rows = scores[(scores["dataset"] == dataset) & (scores["space"] == space)]
            yield rows.assign(measure=measure, backbone=backbone)
