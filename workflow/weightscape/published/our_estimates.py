"""Our analysis of published tables, as far as they allow: effects, and how alike the families' effects are.

Failed, missing and infinite values and frozen layers are left out and counted. Effects are those of
`metrics.effects`: the change of a run minus that of the baseline in the same layer. Tables of single runs hold no
replicates, so that nothing here is a test: every row of `similarity` says `undecided: no replicates`. Doses cannot be
matched, since the tables hold neither losses nor updates: profiles are means over all doses of a group.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from weightscape.families import BASELINE, COMPARED
from weightscape.formats.tables import Column, Table
from weightscape.metrics import effects
from weightscape.published import exclusions
from weightscape.published.conditions import Conditions
from weightscape.published.procedure import HEAD
from weightscape.published.settings import METRICS
from weightscape.published.table_files import Gap

NO_REPLICATES = "undecided: no replicates"
NOT_TESTED = "undecided: estimates only"
NETWORK = "unnamed"
Row = dict[str, str | float]


@dataclass(frozen=True)
class Ours:
    """Tables of our analysis: effects by layer, by run, the similarity of groups, and what was left out."""

    effects: Table
    run_effects: Table
    similarity: Table
    exclusions: Table
    gaps: list[Gap]


def analyse(layers: Table, changes: Table, conditions: Conditions) -> Ours:
    """All tables of ours, from the long table and D of each run and layer with its role (`procedure.changes`)."""
    long, left_out = values(layers, changes)
    long = long.assign(layer=labels(long, conditions))
    measured = long_effects(long, conditions)
    excluded = [exclusions.whole_layers(exclusions.OURS, layers, changes, conditions), left_out]
    excluded.append(exclusions.without_reference(long, changes, conditions))
    runs = measured.groupby(["dataset", "family", "dose", "reference"])["seed"].nunique()
    return Ours(
        effects=measured,
        run_effects=effects.per_run(measured),
        similarity=similarity(measured, list(conditions.groups)),
        exclusions=pd.concat(excluded, ignore_index=True),
        gaps=too_few(runs, list(conditions.groups)),
    )


def values(layers: Table, changes: Table) -> tuple[Table, Table]:
    """D of each run, layer and metric that is a measurement on both sides; and the count of those that are not."""
    both = layers[layers["side"] == "both"].reset_index(drop=True)
    live = ~changes["frozen"].to_numpy()
    parts, counts = [], []
    for metric in METRICS:
        reason = exclusions.reasons(both, metric).to_numpy()
        kept = changes[live & (reason == "")]
        parts.append(kept.assign(metric=metric, value=kept[metric]).drop(columns=list(METRICS)))
        for name, text in exclusions.REASONS.items():
            counts.append(exclusions.counted(exclusions.OURS, changes[live & (reason == name)], text, metric))
    return pd.concat(parts, ignore_index=True), pd.concat(counts, ignore_index=True)


def labels(long: Table, conditions: Conditions) -> Column:
    """A name of each row's layer, the same in all runs of a data set: the longname in a baseline's table.

    Layers are matched by layer_id, as tables may name one layer in several ways, or several layers in one.
    """
    keys = ["dataset", "layer_id"]
    first = long[~long["condition"].isin(set(conditions.baselines.values()))].index
    own: Table = pd.concat([long.drop(first), long.loc[first]]).drop_duplicates(keys)[[*keys, "longname"]]
    numbered = own["longname"] + " (layer " + own["layer_id"].astype(str) + ")"
    own["longname"] = own["longname"].mask(own.duplicated(["dataset", "longname"], keep=False), numbered)
    return long[keys].merge(own, on=keys, how="left")["longname"].set_axis(long.index)


def long_effects(long: Table, conditions: Conditions) -> Table:
    """Effects in the form of stage 6's table: family is the group, dose the condition, number its dose.

    The baseline's runs stand in each group that is measured against them; `reference` names them, so that no test takes
    the copies for runs of their own. Layers without a baseline have no row.
    """
    parts = []
    for group, members in conditions.groups.items():
        for name in dict.fromkeys(map(conditions.baseline_of, members)):
            own = [member for member in members if conditions.baseline_of(member) == name]
            dose = {name: BASELINE} | {member: member for member in own}
            number = {name: 0.0} | {member: conditions.doses[member] for member in own}
            part = long[long["condition"].isin(dose)]
            table = part.assign(
                backbone=conditions.network or NETWORK,
                family=group,
                dose=part["condition"].map(dose),
                number=part["condition"].map(number).astype(float),
                part="weight",
                kind="",
                source="change",
                reference=name,
            )
            parts.append(effects.against_baseline(table))
    table: Table = pd.concat(parts, ignore_index=True)
    table = table[table["effect"].notna()].sort_values(["dataset", "family", "dose", "seed", "layer_id"], kind="stable")
    return table[[*effects.RUN, "reference", *effects.LAYER, "layer_id", "source", "metric", "value", "effect"]]


def similarity(effects_table: Table, groups: list[str]) -> Table:
    """Cosine, norms and distance of the groups' mean effects over the hidden layers that both have.

    One row per data set, metric and pair; a pair whose `distance` exceeds `norm` is farther apart than the first is
    from no effect at all. A row of claim C2 (`statistic` = contrast) is the cosine of COMPARED's first with its second
    minus that with its third.
    """
    hidden = effects_table[effects_table["role"] != HEAD]
    rows = [
        {"dataset": dataset, "metric": metric, **row, "verdict": verdict(part)}
        for (dataset, metric), part in hidden.groupby(["dataset", "metric"])
        for row in _pairs(profiles(part[part["dose"] != BASELINE]), groups)
    ]
    names = ["family", "other", "statistic", "value", "norm", "norm_other", "distance", "n"]
    return pd.DataFrame(rows, columns=["dataset", "metric", *names, "verdict"])


def profiles(part: Table) -> Table:
    """The mean effect over the conditions of each group (columns) in each layer (rows), seeds averaged first."""
    by_condition = part.groupby(["family", "dose", "layer_id"])["effect"].mean()
    return by_condition.reset_index().pivot_table(index="layer_id", columns="family", values="effect")


def verdict(part: Table) -> str:
    """Concludes nothing from single runs or a single baseline, and no more than estimates from others."""
    return NO_REPLICATES if part.groupby(["family", "dose"])["seed"].nunique().min() < 2 else NOT_TESTED


def cosine(x: np.ndarray, y: np.ndarray) -> float:
    """<x, y> / (|x| |y|); NaN where one is zero or empty."""
    norm = np.linalg.norm(x) * np.linalg.norm(y)
    return float(x @ y / norm) if norm > 0 else float("nan")


def _pairs(profiles: Table, groups: list[str]) -> Iterator[Row]:
    for one, other in itertools.combinations([group for group in groups if group in profiles], 2):
        x, y = profiles[[one, other]].dropna().to_numpy().T
        norms = {"norm": float(np.linalg.norm(x)), "norm_other": float(np.linalg.norm(y))}
        sizes = {**norms, "distance": float(np.linalg.norm(x - y)), "n": len(x)}
        yield {"family": one, "other": other, "statistic": "cosine", "value": cosine(x, y), **sizes}
    if set(COMPARED) <= set(profiles):
        first, second, third = profiles[list(COMPARED)].dropna().to_numpy().T
        value = cosine(first, second) - cosine(first, third)
        pair = {"family": COMPARED[0], "other": f"{COMPARED[1]} - {COMPARED[2]}"}
        yield {**pair, "statistic": "contrast", "value": value, "n": len(first)}


def too_few(runs: Column, groups: list[str]) -> list[Gap]:
    """A gap for each group and data set with a condition, or a baseline, of too few runs.

    A test needs two runs, the interval of claim C2 three of all that it compares. `runs` counts them by dataset,
    family, dose and reference (the baseline's name).
    """
    gaps = []
    table = runs.rename("runs").reset_index()
    order = table["family"].map(groups.index)
    for (dataset, at), part in table.groupby(["dataset", order]):
        group = groups[int(at)]
        single, pair = (_named(part[part["runs"] == count]) for count in (1, 2))
        if single:
            text = f"one run of {single} ({group}), where a test needs two of each condition: {NO_REPLICATES}"
            gaps.append(Gap(f"{dataset}: {text}", dataset, single))
        elif pair and group in COMPARED and set(COMPARED) <= set(groups):
            text = f"two runs of {pair} ({group}), where the interval of claim C2 needs three of each condition"
            gaps.append(Gap(f"{dataset}: {text}", dataset, pair))
    return gaps


def _named(part: Table) -> str:
    names = list(part.loc[part["dose"] != BASELINE, "dose"])
    names += [f"the baseline {name}" for name in part.loc[part["dose"] == BASELINE, "reference"]]
    return ", ".join(names)
