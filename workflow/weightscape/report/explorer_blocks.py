"""Single blocks of the explorer's data. A list "by condition" follows the places of conditions that it is given.

Numbers are rounded to the digits that the page shows; what is missing is null.
"""

import base64
import io
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from weightscape.figures.parts import pictures
from weightscape.formats.tables import Table
from weightscape.metrics.layer_order import in_depth
from weightscape.report import sheets

PERCENT = [0, 100]
SHARES = ("test", "ood", "ece")
"""Outcomes that are shares in percent, as each OOD set's accuracy is: no interval leaves them."""
VENDI = {"vendi-pixels": "Vendi score (pixels)", "vendi-embedding": "Vendi score (embedding)"}
PICTURES = 16  # images of a condition
Block = dict[str, Any]
Places = Mapping[tuple[str, str], int]
"""The place of each condition, (family, dose), in the lists by condition."""


def effects(intervals: Table, runs: Table, names: list[str], at: Places) -> Block:
    """Effects by layer (mean, half and n, each [condition][layer]) and by run for the roles hidden and head."""
    over_layers = intervals["layer"] == ""
    rows, means = _halved(intervals[~over_layers]), _halved(intervals[over_layers])
    column = {name: place for place, name in enumerate(names)}
    where = np.array(_places(rows, at), int), (rows["layer"] + "/" + rows["part"]).map(column).to_numpy(int)
    block: Block = {"layers": names, "hidden": sorted(set(where[1][(rows["role"] == "hidden").to_numpy()].tolist()))}
    for key in ("mean", "half", "n"):
        grid = np.full((len(at), len(names)), np.nan)
        grid[where] = rows[key]
        block[key] = [_numbers(line, 3 if key == "half" else 4) if np.isfinite(line).any() else None for line in grid]
    block["n"] = [_common(line) for line in block["n"]]
    block["roles"] = {
        role: _by_condition(means[means["role"] == role], at)
        | {"runs": _triples(part, "effect_mean", at), "matrices": int(part["layers"].max())}
        for role, part in runs.groupby("role", sort=False)
    }
    return block


def _halved(intervals: Table) -> Table:
    return intervals.assign(half=(intervals["high"] - intervals["low"]) / 2)


def outcomes(intervals: Table, runs: Table, at: Places) -> Block:
    """Accuracy, calibration and diversity: labels, what n counts if it is not runs, and mean, half, n and runs."""
    means = _halved(intervals)
    values = {
        str(name): _by_condition(means[means["outcome"] == name], at)
        | {"runs": _triples(rows, "value", at)}
        | _about(str(name))
        for name, rows in runs.groupby("measure", sort=False)
    }
    labels = {key: label for label, key in (sheets.OVERALL | sheets.ROBUSTNESS).items()}
    labels |= {name: f"accuracy on {name.removeprefix('ood-')} (%)" for name in values if name.startswith("ood-")}
    labels |= VENDI
    return {
        "labels": {name: label for name, label in labels.items() if name in values},
        "counted": {name: "data set" for name in values if name in VENDI},
        "values": values,
    }


def _about(name: str) -> Block:
    """Limits that the values of an outcome cannot leave, and what it is measured of if not of all families."""
    if name in VENDI:
        return {"only": "that of families which change the training images"}
    return {"limits": PERCENT} if name in SHARES or name.startswith("ood-") else {}


def _places(table: Table, at: Places) -> list[int]:
    return [at[pair] for pair in table[["family", "dose"]].itertuples(index=False, name=None)]


def _by_condition(means: Table, at: Places) -> Block:
    places = _places(means, at)
    block = {}
    for key in ("mean", "half", "n"):
        line = np.full(len(at), np.nan)
        line[places] = means[key]
        block[key] = _numbers(line, 5)
    return block


def _triples(runs: Table, value: str, at: Places) -> list[list[Any]]:
    return [list(row) for row in zip(_places(runs, at), runs["seed"].tolist(), _numbers(runs[value], 5), strict=True)]


def _common(line: list[Any] | None) -> Any:
    return line[0] if line and len(set(line)) == 1 else line


def spectra(esd: Table, key: int, at: Places, budget: int) -> dict[str, Block]:
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


def samples(samples: Table, dataset: str, recipes: Mapping[str, str]) -> Block:
    """Pictures as data URIs: real, by condition, and synthetic by recipe; which recipe a condition uses."""
    rows = samples[samples["dataset"] == dataset]
    block: Block = {"pictures": {}, "recipe": dict(recipes)}
    for (kind, family, dose), part in rows[rows["kind"] != "synthetic"].groupby(
        ["kind", "family", "dose"], dropna=False
    ):
        block["pictures"]["real" if kind == "real" else f"{family}/{dose}"] = _picture(part)
    for recipe, part in rows[rows["kind"] == "synthetic"].groupby("recipe"):
        block["pictures"][f"synthetic/{recipe}"] = _picture(of_each_class(part))
    return block


def of_each_class(rows: Table) -> Table:
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
