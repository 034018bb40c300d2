"""The data of the page's explorer, as blocks of JSON that the page parses one by one, when they are looked at.

`index` names families, conditions, metrics and outcomes; every list "by condition" below follows its `conditions`.
One block per data set and backbone holds the outcomes of all runs; one per metric and source the effects by layer;
one per layer the histograms of its spectra. Intervals are those of `sheets.interval` (effects: against the
family's own baseline) and `style.half_width` (outcomes).
"""

import base64
import io
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from weightscape import words
from weightscape.families import BASELINE
from weightscape.figures.parts import data_sets, outcomes, pictures, style
from weightscape.figures.parts.depth import in_depth
from weightscape.formats.tables import Table
from weightscape.metrics.spectral_metrics import METRICS
from weightscape.metrics.strongest import strongest
from weightscape.report import sheets

TABLES = ("evaluation", "effects", "run_effects", "diversity", "samples", "esd", "runs", "conditions")
OF_RUNS = ("runs", "evaluation", "run_effects")
"""Tables that have rows of finished runs."""
CONDITION = ["family", "dose", "number"]
HISTOGRAMS = 60_000
"""Spectra in the page at most; of larger studies, layers evenly spread over the depth are kept."""
PERCENT = [0, 100]
SHARES = ("test", "ood", "ece")
"""Outcomes that are shares in percent, as each OOD set's accuracy is: no interval leaves them."""
PICTURES = 16  # images of a condition
SCALE = 3  # screen pixels per pixel of an image
Block = dict[str, Any]


def blocks(tables: Mapping[str, Table], recipes: Mapping[str, str] | None = None) -> dict[str, Block]:
    """All blocks by name; `recipes` are those of the synthetic conditions, as family/dose. None without runs."""
    conditions = _conditions(tables)
    if conditions.empty:
        return {}
    tables = {**tables, "diversity": data_sets.each_once(tables["diversity"])}
    at = {row[:2]: place for place, row in enumerate(conditions.itertuples(index=False, name=None))}
    setups = _setups(tables)
    made: dict[str, Block] = {}
    layers = _layer_names(tables["effects"])
    effects = _effects(tables["effects"], at)
    for key, (dataset, backbone) in enumerate(setups):
        made[f"outcomes-{key}"] = _outcomes(tables, dataset, backbone, at)
        for (metric, source), rows in _of(effects, dataset, backbone).groupby(["metric", "source"], sort=False):
            names = layers.get((dataset, backbone), [])
            runs = _of(tables["run_effects"], dataset, backbone)
            runs = runs[(runs["metric"] == metric) & (runs["source"] == source)]
            made[f"effects-{key}-{metric}-{source}"] = _effect_block(rows, runs, names, at)
        made |= _spectra(_of(tables["esd"], dataset, backbone), key, at, HISTOGRAMS // len(setups))
    for dataset in dict.fromkeys(dataset for dataset, _ in setups):
        made[f"samples-{dataset}"] = _samples(tables["samples"], dataset, at, recipes or {})
    destructive = _destructive(tables.get("conditions"), setups, at)
    return {"index": _index(tables, conditions, setups, made) | {"destructive": destructive}, **made}


def _destructive(table: Table | None, setups: list[tuple[str, str]], at: Mapping[tuple, int]) -> list[list[Any]]:
    """Each destructive condition as [setup, condition, reason]."""
    if table is None or table.empty:
        return []
    rows = table[table["destructive"].astype(bool)]
    keys = zip(rows["dataset"], rows["backbone"], rows["family"], rows["dose"], rows["reason"], strict=True)
    known = [((dataset, backbone), (family, dose), reason) for dataset, backbone, family, dose, reason in keys]
    return [[setups.index(s), at[c], reason] for s, c, reason in known if s in setups and c in at]


def _conditions(tables: Mapping[str, Table]) -> Table:
    """Family, dose and number of every condition: families as in the figures, doses and baseline by number.

    One of which no run is finished is among them if its diversity was measured; without any run there are none.
    """
    parts = [tables[name][CONDITION] for name in OF_RUNS if len(tables[name])]
    if not parts:
        return pd.DataFrame(columns=CONDITION)
    found = pd.concat([*parts, tables["diversity"][CONDITION]]).drop_duplicates(["family", "dose"])
    rank = {family: place for place, family in enumerate(style.ordered(found["family"]))}
    order = found.assign(rank=found["family"].map(rank.get), dosed=found["dose"] != BASELINE)
    return order.sort_values(["rank", "number", "dosed", "dose"])[CONDITION].reset_index(drop=True)


def _setups(tables: Mapping[str, Table]) -> list[tuple[str, str]]:
    parts = [tables[name][list(style.SETUP)] for name in OF_RUNS if len(tables[name])]
    return sorted(set(pd.concat(parts).itertuples(index=False, name=None)))


def _of(table: Table, dataset: str, backbone: str) -> Table:
    return table[(table["dataset"] == dataset) & (table["backbone"] == backbone)]


def _index(
    tables: Mapping[str, Table], conditions: Table, setups: list[tuple[str, str]], made: Mapping[str, Block]
) -> Block:
    """What can be chosen, and how families look."""
    looks = {family: style.look(family) for family in conditions["family"].unique()}
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
            | {"strongest": top.get(name)}
            for name, look in looks.items()
        },
        "conditions": conditions.values.tolist(),
        "metrics": {metric: words.metric(metric) for metric in _metrics(kinds)},
        "sources": sorted({source for _, source in kinds}),
        "outcomes": outcomes,
        "level": style.LEVEL,
    }


def _metrics(kinds: Iterable[tuple[str, str]]) -> list[str]:
    """Each metric once: those of the figures in their order, others by name."""
    names = dict.fromkeys(metric for metric, _ in kinds)
    return [name for name in METRICS if name in names] + [name for name in names if name not in METRICS]


def _layer_names(effects: Table) -> dict[tuple, list[str]]:
    """Hidden layers of each setup from input to output, then its heads; parts of a layer stand as layer/part."""
    rows = effects[[*style.SETUP, "layer", "part", "role"]].drop_duplicates()
    named = rows.assign(name=rows["layer"] + "/" + rows["part"], last=rows["role"] == "head")
    groups = named.groupby(list(style.SETUP), sort=False)
    return {key: [*_deep(part[~part["last"]]), *_deep(part[part["last"]])] for key, part in groups}


def _deep(layers: Table) -> list[str]:
    return in_depth(layers["name"])


def _effects(effects: Table, at: Mapping[tuple, int]) -> Table:
    """Mean effect, its interval's half width and n of each condition and layer."""
    keys = [*style.SETUP, "family", "layer", "part", "role", "metric", "source"]
    means = style.summarise(effects, [*keys, "dose", "number"], "effect")
    means = sheets.interval(sheets.of_reference(means), keys)
    return means.assign(name=means["layer"] + "/" + means["part"], at=_places(means, at))


def _places(table: Table, at: Mapping[tuple, int]) -> list[int]:
    return [at[pair] for pair in table[["family", "dose"]].itertuples(index=False, name=None)]


def _effect_block(rows: Table, runs: Table, names: list[str], at: Mapping[tuple, int]) -> Block:
    """Effects by layer (mean, half and n, each [condition][layer]) and by run for the roles hidden and head."""
    column = {name: place for place, name in enumerate(names)}
    where = (rows["at"].to_numpy(int), rows["name"].map(column).to_numpy(int))
    block: Block = {"layers": names, "hidden": sorted(set(where[1][(rows["role"] == "hidden").to_numpy()].tolist()))}
    for key in ("mean", "half", "n"):
        grid = np.full((len(at), len(names)), np.nan)
        grid[where] = rows[key]
        block[key] = [_numbers(line, 3 if key == "half" else 4) if np.isfinite(line).any() else None for line in grid]
    block["n"] = [_common(line) for line in block["n"]]
    block["roles"] = {role: _run_block(part, at) for role, part in runs.groupby("role", sort=False)}
    return block


def _run_block(runs: Table, at: Mapping[tuple, int]) -> Block:
    """Mean, half width and n by condition, and every run as [condition, seed, value]."""
    means = sheets.interval(sheets.of_reference(style.summarise(runs, sheets.CONDITION, "effect_mean")))
    block = _by_condition(means, at)
    block["runs"] = _triples(runs, "effect_mean", at)
    block["matrices"] = int(runs["layers"].max())
    return block


def _by_condition(means: Table, at: Mapping[tuple, int]) -> Block:
    places = _places(means, at)
    block = {}
    for key in ("mean", "half", "n"):
        line = np.full(len(at), np.nan)
        line[places] = means[key]
        block[key] = _numbers(line, 5)
    return block


def _triples(runs: Table, value: str, at: Mapping[tuple, int]) -> list[list[Any]]:
    return [list(row) for row in zip(_places(runs, at), runs["seed"].tolist(), _numbers(runs[value], 5), strict=True)]


def _common(line: list[Any] | None) -> Any:
    """One number for a list of equal numbers."""
    return line[0] if line and len(set(line)) == 1 else line


def _outcomes(tables: Mapping[str, Table], dataset: str, backbone: str, at: Mapping[tuple, int]) -> Block:
    """Accuracy, calibration and diversity: labels, what n counts where not runs, and mean, half, n and runs of each."""
    evaluation = _of(tables["evaluation"], dataset, backbone)
    parts = [outcomes.measured(evaluation)] if len(evaluation) else []
    labels = {f"{key}": label for label, key in (sheets.OVERALL | sheets.ROBUSTNESS).items()}
    for split in evaluation["split"].unique():
        rows = evaluation[evaluation["split"] == split]
        if split.startswith("ood-"):
            parts.append(rows.assign(measure=split, value=100 * rows["accuracy"]))
            labels[split] = f"accuracy on {split.removeprefix('ood-')} (%)"
    seen = tables["diversity"]
    seen = seen[
        (seen["dataset"] == dataset) & (seen["measure"] == "vendi_1") & seen["space"].isin(("pixels", backbone))
    ]
    for space, rows in seen.groupby("space"):
        name = "pixels" if space == "pixels" else "embedding"
        parts.append(rows.assign(measure=f"vendi-{name}", dataset=dataset, backbone=backbone))
        labels[f"vendi-{name}"] = f"Vendi score ({name})"
    runs = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*sheets.CONDITION, "measure"])
    values = {}
    for name, rows in runs.groupby("measure", sort=False):
        means = style.summarise(rows, sheets.CONDITION)
        half = style.half_width(means["sd"].to_numpy(float), means["n"].to_numpy(float))
        values[name] = _by_condition(means.assign(half=half), at) | {"runs": _triples(rows, "value", at)}
        values[name] |= _about(str(name))
    counted = {name: "data set" for name in values if name.startswith("vendi-")}
    return {
        "labels": {name: label for name, label in labels.items() if name in values},
        "counted": counted,
        "values": values,
    }


def _about(name: str) -> Block:
    """Limits that the values of an outcome cannot leave, and what it is measured of where not of all families."""
    if name.startswith("vendi-"):
        return {"only": "that of families which change the training images"}
    return {"limits": PERCENT} if name in SHARES or name.startswith("ood-") else {}


def _spectra(esd: Table, key: int, at: Mapping[tuple, int], budget: int) -> dict[str, Block]:
    """One block per layer: `before` once, `after` and `delta` with counts and laws by condition."""
    made: dict[str, Block] = {}
    esd = esd.assign(name=esd["layer"] + "/" + esd["part"])
    names = in_depth(esd["name"])
    kept = max(1, budget // max(1, 2 * len(at)))
    if len(names) > kept:
        names = [names[place] for place in np.unique(np.linspace(0, len(names) - 1, kept).round().astype(int))]
    for name, rows in esd[esd["name"].isin(names)].groupby("name", sort=False):
        block: Block = {"N": _whole(rows["N"]), "M": _whole(rows["M"])}
        for matrix, part in rows.groupby("matrix", sort=False):
            first = part.iloc[0]
            found = {"low": _short(first["low"], 5), "high": _short(first["high"], 5), "spectra": {}}
            for row in part.itertuples():
                place = "all" if matrix == "before" else at.get((row.family, row.dose))
                law = _numbers((row.mp_lower, row.mp_upper, row.alpha, row.xmin), 4)
                found["spectra"][place] = [np.asarray(row.counts).tolist(), law, _whole([row.seeds])]
            block[matrix] = found
        made[f"esd-{key}-{name}"] = block
    return made


def _samples(samples: Table, dataset: str, at: Mapping[tuple, int], recipes: Mapping[str, str]) -> Block:
    """Pictures as data URIs: real, by condition, and synthetic by recipe; which recipe a condition uses."""
    rows = samples[samples["dataset"] == dataset]
    block: Block = {"pictures": {}, "recipe": dict(recipes)}
    for (kind, family, dose), part in rows[rows["kind"] != "synthetic"].groupby(
        ["kind", "family", "dose"], dropna=False
    ):
        block["pictures"]["real" if kind == "real" else f"{family}/{dose}"] = _picture(part)
    for recipe, part in rows[rows["kind"] == "synthetic"].groupby("recipe"):
        block["pictures"][f"synthetic/{recipe}"] = _picture(_of_each_class(part))
    return block


def _of_each_class(rows: Table) -> Table:
    """The first image of every class, then the second, and so on."""
    rows = rows.sort_values("position")
    return rows.assign(turn=rows.groupby("label").cumcount()).sort_values(["turn", "label"]).drop(columns="turn")


def _picture(rows: Table) -> str:
    """The first images in two lines, as a PNG in a data URI."""
    from PIL import Image

    rows = rows.head(PICTURES)
    order = np.arange(len(rows))
    across = -(-len(rows) // 2)
    sheet = pictures.montage(rows.assign(row=order // across, column=order % across), "row", "column")
    image = Image.fromarray(sheet)
    if (sheet[..., :1] == sheet).all():
        image = image.convert("L")
    buffer = io.BytesIO()
    image.save(buffer, "png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _numbers(values: Iterable[float], digits: int) -> list[float | None]:
    """Rounded to significant digits; None where not finite. Whole numbers come without a point."""
    return [_short(value, digits) for value in np.asarray(values, float).tolist()]


def _short(value: float, digits: int) -> float | None:
    if not math.isfinite(value):
        return None
    number = float(f"{value:.{digits}g}")
    return int(number) if number.is_integer() and abs(number) < 1e9 else number


def _whole(values: Iterable[float]) -> int | None:
    return next((int(value) for value in values if np.isfinite(value)), None)
