"""The data of the page's explorer, as blocks of JSON that the page parses one by one, when they are looked at.

`index` names families, conditions, metrics and outcomes; every list "by condition" in the blocks of `explorer_blocks`
follows its `conditions`. One block per data set and backbone holds the outcomes of all runs; one per metric and source
the effects by layer; one per layer the histograms of its spectra.
"""

from collections.abc import Iterable, Mapping

import pandas as pd

from weightscape import words
from weightscape.families import BASELINE, baseline_number
from weightscape.figures.parts import style
from weightscape.formats.tables import Table
from weightscape.metrics.layer_order import in_depth
from weightscape.metrics.outcomes import of_all_runs
from weightscape.metrics.spectral_metrics import METRICS
from weightscape.metrics.summaries import SETUP, of_setup, setups_of, strongest
from weightscape.report import explorer_blocks
from weightscape.report.explorer_blocks import Block, Places

TABLES = (
    "evaluation",
    "effect_intervals",
    "outcome_intervals",
    "run_effects",
    "diversity",
    "samples",
    "esd",
    "runs",
    "conditions",
)
OF_RUNS = ("runs", "evaluation", "run_effects")
"""Tables that have rows of finished runs."""
CONDITION = ["family", "dose", "number"]
HISTOGRAMS = 60_000
"""Spectra in the page at most; of larger studies, layers evenly spread over the depth are kept."""


def blocks(
    tables: Mapping[str, Table], recipes: Mapping[str, str] | None = None, level: float | None = None
) -> dict[str, Block]:
    """All blocks by name; `recipes` are those of the synthetic conditions, as family/dose. None without families.

    `level` is that of the intervals, if it is known.
    """
    conditions = _conditions(tables)
    if (conditions["family"] == BASELINE).all():
        return {}
    at = {row[:2]: place for place, row in enumerate(conditions.itertuples(index=False, name=None))}
    setups = setups_of(*(tables[name] for name in OF_RUNS))
    runs = of_all_runs(tables["evaluation"], tables["diversity"], setups)
    intervals = tables["effect_intervals"]
    layers = _layer_names(intervals[intervals["layer"] != ""])
    made: dict[str, Block] = {}
    for key, setup in enumerate(setups):
        made[f"outcomes-{key}"] = explorer_blocks.outcomes(
            of_setup(tables["outcome_intervals"], *setup), of_setup(runs, *setup), at
        )
        found, singles = of_setup(intervals, *setup), of_setup(tables["run_effects"], *setup)
        for (metric, source), rows in found.groupby(["metric", "source"], sort=False):
            chosen = singles[(singles["metric"] == metric) & (singles["source"] == source)]
            made[f"effects-{key}-{metric}-{source}"] = explorer_blocks.effects(rows, chosen, layers.get(setup, []), at)
        made |= explorer_blocks.spectra(of_setup(tables["esd"], *setup), key, at, HISTOGRAMS // len(setups))
    for dataset in dict.fromkeys(dataset for dataset, _ in setups):
        made[f"samples-{dataset}"] = explorer_blocks.samples(tables["samples"], dataset, recipes or {})
    destructive = _destructive(tables["conditions"], setups, at)
    index = _index(tables, conditions, setups, made)
    return {"index": index | {"destructive": destructive, "interval": words.interval(level)}, **made}


def _destructive(table: Table, setups: list[tuple[str, str]], at: Places) -> list[list[object]]:
    """Each destructive condition as [setup, condition, reason]."""
    rows = table[table["destructive"].astype(bool)]
    keys = zip(rows["dataset"], rows["backbone"], rows["family"], rows["dose"], rows["reason"], strict=True)
    known = [((dataset, backbone), (family, dose), reason) for dataset, backbone, family, dose, reason in keys]
    return [[setups.index(s), at[c], reason] for s, c, reason in known if s in setups and c in at]


def _conditions(tables: Mapping[str, Table]) -> Table:
    """Family, dose and number of every condition: families as in the figures, doses by number, the baseline's pool.

    A condition without a finished run is among them if its diversity was measured; a study without runs has none.
    """
    parts = [tables[name][CONDITION] for name in OF_RUNS if len(tables[name])]
    if not parts:
        return pd.DataFrame(columns=CONDITION)
    found = pd.concat([*parts, tables["diversity"][CONDITION]]).drop_duplicates(["family", "dose"])
    rank = {family: place for place, family in enumerate(style.ordered(found["family"]))}
    order = found.assign(rank=found["family"].map(rank.get), dosed=found["dose"] != BASELINE)
    return order.sort_values(["rank", "number", "dosed", "dose"])[CONDITION].reset_index(drop=True)


def _index(
    tables: Mapping[str, Table], conditions: Table, setups: list[tuple[str, str]], made: Mapping[str, Block]
) -> Block:
    """The choices that the page offers, and the looks of families."""
    looks = {family: style.look(family) for family in conditions["family"].unique() if family != BASELINE}
    top = strongest(conditions).set_index("family")["dose"]
    kinds = sorted({(row[0], row[1]) for row in tables["run_effects"][["metric", "source"]].drop_duplicates().values})
    outcomes: dict[str, str] = {}
    for name, block in made.items():
        if name.startswith("outcomes-"):
            outcomes |= block["labels"]
    return {
        "setups": [{"dataset": dataset, "backbone": backbone} for dataset, backbone in setups],
        "families": {
            name: {"title": look.title, "color": look.color, "dark": style.on_dark(look.color), "axis": look.axis}
            | {"strongest": top.get(name), "neutral": baseline_number(name)}
            for name, look in looks.items()
        },
        "conditions": conditions.values.tolist(),
        "metrics": {metric: words.metric(metric) for metric in _metrics(kinds)},
        "sources": sorted({source for _, source in kinds}),
        "outcomes": outcomes,
    }


def _metrics(kinds: Iterable[tuple[str, str]]) -> list[str]:
    """Each metric once: those of the figures in their order, others by name."""
    names = dict.fromkeys(metric for metric, _ in kinds)
    return [name for name in METRICS if name in names] + [name for name in names if name not in METRICS]


def _layer_names(intervals: Table) -> dict[tuple, list[str]]:
    """Hidden layers of each setup from input to output, then its heads; parts of a layer stand as layer/part."""
    rows = intervals[[*SETUP, "layer", "part", "role"]].drop_duplicates()
    named = rows.assign(name=rows["layer"] + "/" + rows["part"], last=rows["role"] == "head")
    groups = named.groupby(list(SETUP), sort=False)
    return {
        key: [name for last in (False, True) for name in in_depth(part["name"][part["last"] == last])]
        for key, part in groups
    }
