"""The tables of a study as arrays, one `Setup` per data set and backbone.

Layers enter an analysis of a metric only if every run has a usable value (finite, and for `alpha` with enough
eigenvalues: column `usable`), so that all runs are means over the same layers. What is left out is counted (`usable`).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from weightscape.errors import UserError
from weightscape.families import DIVERSITY
from weightscape.formats.tables import Table
from weightscape.metrics.analysis import usable_layers
from weightscape.metrics.analysis.contrasts import Values, within
from weightscape.metrics.analysis.design import Condition, Design, Measured
from weightscape.metrics.analysis.reasons import NONE, Lack, Reason
from weightscape.metrics.analysis.settings import MEASURES, NOISE_SCORES
from weightscape.metrics.effects import RUN
from weightscape.metrics.outcomes import unseen
from weightscape.words import family as of_family
from weightscape.words import metric as of_metric

LOGARITHMS, PLAIN = ("weighted_trace", "trace", "largest_eigenvalue"), ("batch_loss", "probes")
"""Columns of the table `curvature` by how they enter; those of LOGARITHMS with the errors of probes, or Lanczos."""


OF_SPLITS = {
    "test": ("test", "accuracy"),
    "val": ("val", "accuracy"),
    "val_loss": ("val", "nll"),
    "ece": ("test", "ece"),
    "train_loss": ("train", "nll"),
}
"""Outcomes that are columns of the table `evaluation`: split and column."""
OF_SHIFTS = {"ood": "accuracy", "ood_loss": "nll"}
"""Outcomes that are means over OOD sets, and their columns of the table `evaluation`."""
OF_UPDATES = {"relative_change": "relative_norm", "log_free_norm": "log_free_norm", "kept_share": "kept_share"}
"""Outcomes that are means over the updates of the hidden layers, and their columns of the table `layers`. They
are over the layers with a value in every run, as a layer without a gradient moves under weight decay alone."""


@dataclass(frozen=True)
class Layers:
    """Values of one metric: hidden [runs, layers] with each layer's kind, head [runs]; number of layers left out."""

    hidden: Values
    head: Values
    kinds: np.ndarray
    names: np.ndarray
    excluded: int

    def mean(self, kind: str | None = None) -> Values:
        """Mean over the hidden layers, or over those of one kind, per run; NaN without layers."""
        chosen = self.hidden if kind is None else self.hidden[:, self.kinds == kind]
        return chosen.mean(axis=1) if chosen.shape[1] else np.full(len(chosen), np.nan)

    def lacking(self, metric: str) -> str:
        """Why the metric has no test; empty if it has."""
        if self.hidden.shape[1]:
            return ""
        return f"no hidden layer has a usable {of_metric(metric)} in every run ({self.excluded} left out)"


@dataclass(frozen=True)
class Setup:
    """All that was measured of the runs of one data set and backbone; arrays follow the positions of `design`.

    `metrics` are of the change from before to after, `updates` of the update's own spectrum. `destructive` are left out
    of verdicts, among them the `failed`, whose images a failed generator made.
    """

    dataset: str
    backbone: str
    design: Design
    metrics: dict[str, Layers]
    outcomes: dict[str, Values] = field(default_factory=dict)
    diversity: dict[tuple[str, str], Values] = field(default_factory=dict)
    esd: Layers | None = None
    destructive: tuple[Condition, ...] = ()
    failed: tuple[Condition, ...] = ()
    whole: Design | None = None
    excluded: tuple[usable_layers.Row, ...] = ()
    updates: dict[str, Layers] = field(default_factory=dict)

    @property
    def all_conditions(self) -> Design:
        """The design with the destructive conditions, to test whether a condition destroys."""
        return self.design if self.whole is None else self.whole

    def left_out(self, whole: Collection[str] = ()) -> tuple[Condition, ...]:
        """The destructive conditions, but for those of the families in `whole` whose generator has not failed."""
        return tuple(each for each in self.destructive if each[0] not in whole or each in self.failed)

    def only_kept(self, whole: Collection[str] = ()) -> "Setup":
        """The setup without the conditions that are left out."""
        kept = self.design.without(self.left_out(whole))
        return replace(self, design=kept, destructive=(), whole=self.all_conditions)

    def missing(self, family: str) -> Reason:
        """States what a family lacks for a comparison; none if it has a baseline and a dose with a number."""
        if not self.design.doses(family):
            if self.all_conditions.unnumbered(family):
                return Reason(f"the doses of {of_family(family)} have no numbers")
            if self.all_conditions.doses(family):
                failed = all((family, dose) in self.failed for dose in self.all_conditions.doses(family))
                return (Lack.GENERATOR_FAILED if failed else Lack.DESTRUCTIVE).reason(family=of_family(family))
            return Lack.NO_FAMILY.reason(family=of_family(family))
        return NONE if self.design.reference(family) else Reason(f"{of_family(family)} has no baseline runs")

    def stands(self, family: str) -> str | None:
        """The dose that stands for a family in a control: its strongest, destructive or not, as controls look at all.

        Diversity stands for what its claims are about: its kept ones, or where none is kept all.
        """
        kept = self.design.strongest(family) if family == DIVERSITY else None
        return kept or self.all_conditions.strongest(family)

    def effect(self, family: str) -> dict[Condition, float]:
        """The weights of the effect of that dose, which may be a destructive one."""
        return self.all_conditions.effect(family, str(self.stands(family)))

    def lacks(self, families: Iterable[str]) -> Reason:
        """States what the first of these families lacks that has no dose, destructive or not; none if all have one."""
        every = replace(self, design=self.all_conditions)
        return next((every.missing(family) for family in families if self.stands(family) is None), NONE)

    def absent(self, families: Iterable[str]) -> Reason:
        """States what the first of these families that cannot be compared lacks; none if all can."""
        return next(filter(None, map(self.missing, families)), NONE)


def setups(tables: Mapping[str, Table], metrics: tuple[str, ...]) -> Iterator[Setup]:
    """The setups of a study from the table `effects`, and from `evaluation`, `runs`, `layers`, `diversity`,
    `curvature` and `penalties` if they are there."""
    effects = tables["effects"]
    for column in (*RUN, "layer", "part", "role", "kind", "source", "metric", "value"):
        if column not in effects:
            raise UserError(f"the table effects has no column {column!r}: make it again with the stage that writes it")
    changes = effects[effects["source"] == "change"]
    for (dataset, backbone), every in changes.groupby(["dataset", "backbone"], sort=False):
        broken = usable_layers.broken(every, metrics)
        part = usable_layers.without(every, broken)
        runs = part[[*RUN, *(["reference"] if "reference" in part else [])]].drop_duplicates(RUN).reset_index(drop=True)
        design, index = Design.of(runs), pd.MultiIndex.from_frame(runs[["family", "dose", "seed"]])
        own = {name: table[table["dataset"] == dataset] for name, table in tables.items() if "dataset" in table}
        own = {name: t[t["backbone"] == backbone] if "backbone" in t else t for name, t in own.items()}
        scores = _diversity(own.get("diversity"), index)
        deltas = effects[(effects["source"] == "delta") & (effects["dataset"] == dataset)]
        deltas = deltas[deltas["backbone"] == backbone]
        yield Setup(
            str(dataset),
            str(backbone),
            replace(design, measured=_measured(design, scores.get((str(backbone), "vendi_1")))),
            {name: _layers(part[part["metric"] == name], index) for name in metrics},
            outcomes(own, index),
            scores,
            _esd(own.get("quantiles"), index),
            excluded=tuple(usable_layers.excluded(part, own, broken, metrics)),
            updates={name: _layers(deltas[deltas["metric"] == name], index) for name in metrics if len(deltas)},
        )


def _measured(design: Design, scores: Values | None) -> dict[Condition, Measured]:
    """The embedding Vendi score (order 1) of each condition of `augment`, which stands for diversity in claims."""
    log = np.full(0, np.nan) if scores is None else np.log(scores)
    known = {c: at for c, at in design.rows.items() if c[0] == DIVERSITY and len(log) and np.isfinite(log[at]).all()}
    if not known:
        return {}
    spread, df = within(replace(design, rows=known), log)
    errors = {c: float(np.sqrt(spread / len(at))) if df else 0.0 for c, at in known.items()}
    return {c: Measured(float(log[at].mean()), errors[c]) for c, at in known.items()}


def _keys(table: Table) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(table[["family", "dose", "seed"]])


def _layers(rows: Table, index: pd.MultiIndex) -> Layers:
    """One metric's values; a run that is listed twice is an error."""
    rows = rows[_keys(rows).isin(index)]
    name = rows["layer"].astype(str) + "/" + rows["part"].fillna("").astype(str)
    good = rows["usable"].to_numpy(bool) if "usable" in rows else np.ones(len(rows), bool)
    at, label = index.get_indexer(_keys(rows)), pd.Categorical(name, categories=name.unique())
    values = np.full((len(index), len(label.categories)), np.nan)
    if len(rows) > len(set(zip(at.tolist(), label.codes.tolist(), strict=True))):
        first = rows[rows.duplicated([*RUN, "layer", "part"])].iloc[0]
        raise UserError(
            f"the table effects has two rows for layer {first['layer']!r} of {first['family']}/{first['dose']} "
            f"seed {first['seed']}: one table per run is allowed"
        )
    values[at, label.codes] = np.where(good, rows["value"].to_numpy(float), np.nan)
    first = rows.drop_duplicates(["layer", "part"])
    hidden = (first["role"] != "head").to_numpy(bool)
    whole = np.isfinite(values).all(axis=0)
    heads = values[:, ~hidden & whole]
    return Layers(
        values[:, hidden & whole],
        heads.mean(axis=1) if heads.shape[1] else np.full(len(index), np.nan),
        first["kind"].to_numpy(str)[hidden & whole] if len(first) else np.empty(0, str),
        np.asarray(label.categories, str)[hidden & whole],
        int((hidden & ~whole).sum()),
    )


def outcomes(tables: Mapping[str, Table], index: pd.MultiIndex) -> dict[str, Values]:
    """Per run: accuracy on test and val, mean accuracy over OOD sets, ECE, generalisation gap, curvature,
    and the penalties of regularisers.

    `ood` is the mean over the sets whose kind of change no condition of the study trains on (column `seen`), the same
    for all families, so that they compare. `gap` is the accuracy on the clean images of the split `train`, in
    evaluation mode, less that on test: accuracy on altered or mislabelled batches is no gap.
    """
    found: dict[str, Values] = {}
    evaluation = tables.get("evaluation")
    if evaluation is not None and len(evaluation):
        splits = {str(name): part for name, part in evaluation.groupby("split", sort=False)}
        away = list(evaluation.loc[unseen(evaluation), "split"].unique())
        for name, (split, column) in OF_SPLITS.items():
            if split in splits and column in splits[split]:
                found[name] = _aligned(splits[split], column, index)
        if away:
            for name, column in OF_SHIFTS.items():
                if column in evaluation:
                    found[name] = np.mean([_aligned(splits[split], column, index) for split in away], axis=0)
        if {"train", "test"} <= set(splits):
            found["gap"] = _aligned(splits["train"], "accuracy", index) - found["test"]
    runs = tables.get("runs")
    if runs is not None and "judge_accuracy" in runs:
        found["judge"] = _aligned(runs, "judge_accuracy", index)
    layers = tables.get("layers")
    if layers is not None:
        rows = layers[(layers["matrix"] == "delta") & (layers["role"] == "hidden") & (layers["status"] == "ok")]
        names = {name: column for name, column in OF_UPDATES.items() if column in layers and rows[column].notna().any()}
        found |= {name: _layers(rows.assign(value=rows[column]), index).mean() for name, column in names.items()}
    curvature = tables.get("curvature")
    if curvature is not None and len(curvature):
        found |= _curvature(curvature, index)
    penalties = tables.get("penalties")
    if penalties is not None and len(penalties):
        found |= {penalty(str(of)): _aligned(rows, "value", index) for of, rows in penalties.groupby("penalty")}
    return found


def penalty(of: str) -> str:
    """The name of the outcome that is the penalty of a family."""
    return f"penalty of {of}"


def _curvature(table: Table, index: pd.MultiIndex) -> dict[str, Values]:
    """Natural logarithms of traces and eigenvalue, as these are lognormal between runs, and the errors of them.

    NaN if one is not above zero. The loss on the batch and the number of probes stay as they are.
    """
    found = {name: _aligned(table, name, index) for name in (*PLAIN, *LOGARITHMS) if name in table}
    for name in LOGARITHMS:
        if name in found:
            value = np.where(found[name] > 0, found[name], np.nan)
            found[name] = np.log(value)
            if f"{name}_error" in table:
                found[f"{name}_error"] = _aligned(table, f"{name}_error", index) / value
    return found


def _aligned(table: Table, column: str, index: pd.MultiIndex) -> Values:
    """A column in the order of the runs; NaN if a run has no row."""
    series = pd.Series(table[column].to_numpy(float), index=_keys(table))
    if not series.index.is_unique:
        family, dose, seed = next(iter(series.index[series.index.duplicated()]))
        raise UserError(f"column {column!r} has two rows for {family}/{dose} seed {seed}: one per run is allowed")
    return series.reindex(index).to_numpy(float)


def _esd(table: Table | None, index: pd.MultiIndex) -> Layers | None:
    """The quantiles of all hidden layers side by side as the values of one metric."""
    if table is None or table.empty:
        return None
    names = [name for name in table if name[0] == "q" and name[1:].isdigit()]
    parts = [
        _layers(table.assign(value=table[name], part=table["part"].astype(str) + f" {name}"), index) for name in names
    ]
    hidden, kinds, labels = (
        np.concatenate([getattr(part, name) for part in parts], axis=axis)
        for name, axis in (("hidden", 1), ("kinds", 0), ("names", 0))
    )
    return Layers(hidden, np.full(len(index), np.nan), kinds, labels, parts[0].excluded)


def _diversity(table: Table | None, index: pd.MultiIndex) -> dict[tuple[str, str], Values]:
    if table is None or table.empty:
        return {}
    kept: Table = table[table["measure"].str.startswith(MEASURES) | table["measure"].isin(NOISE_SCORES)]
    groups = kept.groupby(["space", "measure"], sort=False)
    return {(str(space), str(name)): _aligned(part, "value", index) for (space, name), part in groups}
