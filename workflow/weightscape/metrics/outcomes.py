"""Outcomes of each run as figures and page show them: accuracy, calibration, robustness, diversity of its images."""

from collections.abc import Iterable, Iterator

import pandas as pd

from weightscape.formats.tables import Table
from weightscape.metrics.effects import RUN
from weightscape.metrics.robustness import unseen

ROBUST = "robust"


def measured(evaluation: Table) -> Table:
    """One row per run and measure, as columns `measure` and `value`, in percent.

    OOD accuracy and effective robustness are means over the OOD sets that count (`robustness.unseen`), with equal
    weight; a run without effective robustness has no row for it.
    """
    test = evaluation[evaluation["split"] == "test"]
    away = evaluation[unseen(evaluation)]
    away = away.assign(robust=away.get("effective_robustness", float("nan")))
    ood = away.groupby(RUN, as_index=False)[["accuracy", "robust"]].mean()
    parts = [
        test[RUN].assign(measure="test", value=100 * test["accuracy"]),
        ood[RUN].assign(measure="ood", value=100 * ood["accuracy"]),
        test[RUN].assign(measure="ece", value=100 * test["ece"]),
        ood[RUN].assign(measure=ROBUST, value=100 * ood["robust"]).dropna(subset="value"),
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
    """Vendi scores of order 1 in pixels and in the backbone's embedding."""
    scores = diversity[diversity["measure"] == "vendi_1"]
    for dataset, backbone in setups:
        for measure, space in (("vendi-pixels", "pixels"), ("vendi-embedding", backbone)):
            rows = scores[(scores["dataset"] == dataset) & (scores["space"] == space)]
            yield rows.assign(measure=measure, backbone=backbone)
