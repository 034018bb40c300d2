"""Tables of spectra: layers, quantiles, densities and examples."""

import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from weightscape.errors import UserError
from weightscape.families import BASELINE
from weightscape.formats.tables import Table, read_table
from weightscape.formats.tensors import read_tensors
from weightscape.metrics.effects import RUN
from weightscape.metrics.summaries import strongest
from weightscape.metrics.tables.outline import Outline, Run, folder

BINS = 48
"""Bins of a spectrum's histogram, of equal width in log10 of the eigenvalue."""
DECADES = 6
"""Eigenvalues further below the largest one are counted in the first bin."""
QUANTILES = 16
"""Levels (k + 1/2) / QUANTILES at which each ESD is kept for its distances."""


def esd(results: Path, outline: Outline, layers: Table) -> Table:
    """One row per condition, layer, part and matrix: a histogram of log10 eigenvalues, pooled over the seeds.

    `low` and `high` are the ends of its BINS bins, common to all conditions of a layer and matrix; `counts` sum to
    `eigenvalues`. The law's edges and the tail are means over seeds, in units of lambda. `before` is equal in all
    runs but for the head, and has one row per layer, with empty family and dose.
    """
    ends = _ends(results, outline)
    counts: dict[tuple, np.ndarray] = {}
    for run, name, values in _spectra(results, outline):
        condition = ("", "", 0.0) if name.startswith("before/") else (run.family, run.dose, run.number)
        key = (run.dataset, run.backbone, *condition, name)
        counts[key] = counts.get(key, 0) + histogram(values, *ends[run.dataset, run.backbone, name])
    rows = []
    for (dataset, backbone, *condition, name), numbers in counts.items():
        matrix, _, rest = name.partition("/")
        layer, _, part = rest.rpartition("/")
        low, high = ends[dataset, backbone, name]
        rows.append((dataset, backbone, *condition, layer, part, matrix, low, high, int(numbers.sum()), numbers))
    table = pd.DataFrame(rows, columns=[*RUN[:5], "layer", "part", "matrix", "low", "high", "eigenvalues", "counts"])
    return table.merge(_laws(layers), how="left", on=[*RUN[:4], "layer", "part", "matrix"])


def histogram(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Counts [BINS] of eigenvalues over equal bins of their log10 from low to high; smaller ones are in the first."""
    logs = np.log10(np.maximum(values, 10.0**low))
    return np.histogram(np.clip(logs, low, high), np.linspace(low, high, BINS + 1))[0]


def _spectra(results: Path, outline: Outline) -> Iterator[tuple[Run, str, np.ndarray]]:
    """Each run with each of its spectra by name, {matrix}/{layer}/{part}; the backbone's come first."""
    seen = set()
    for run in outline.runs():
        spectra = read_tensors(folder(results, "spectra", **vars(run)) / "esd.safetensors")
        if (run.dataset, run.backbone) not in seen:
            seen.add((run.dataset, run.backbone))
            heads = {name for name in spectra if name.startswith("before/")}
            before = read_tensors(folder(results, "spectra_before", backbone=run.backbone) / "esd.safetensors")
            spectra = {name: values for name, values in before.items() if name not in heads} | spectra
        yield from ((run, name, values) for name, values in spectra.items() if len(values))


def _ends(results: Path, outline: Outline) -> dict[tuple[str, str, str], tuple[float, float]]:
    """log10 of the smallest (at most DECADES below the largest) and the largest eigenvalue of each layer and matrix."""
    ends: dict[tuple[str, str, str], tuple[float, float]] = {}
    for run, name, values in _spectra(results, outline):
        positive = values[values > 0] if (values > 0).any() else np.ones(1)
        low, high = np.log10(positive.min()), np.log10(positive.max())
        place = (run.dataset, run.backbone, name)
        old = ends.get(place, (low, high))
        ends[place] = (min(low, old[0]), max(high, old[1]))
    margin = 0.02  # decades, so that the largest value lies inside
    return {place: (max(low, high - DECADES) - margin, high + margin) for place, (low, high) in ends.items()}


def _laws(layers: Table) -> Table:
    """Sides, Marchenko-Pastur edges and tail of each condition's matrices, means over seeds, in units of lambda."""
    good = layers[layers["status"] == "ok"]
    good = good.assign(xmin=good["xmin"] / good["ww_scale"])
    for name in ("family", "dose"):
        good[name] = good[name].where(good["matrix"] != "before", "")
    groups = good.groupby([*RUN[:4], "layer", "part", "matrix"], sort=False)
    names = ("role", "N", "M"), ("mp_lower", "mp_upper", "alpha", "xmin")
    firsts, means = ({name: (name, how) for name in part} for part, how in zip(names, ("first", "mean"), strict=True))
    return groups.agg(**firsts, **means, seeds=("seed", "nunique")).reset_index()


def weight_change(layers: Table) -> Table:
    """One row per run and role: ||after - before|| / ||before||, Frobenius norms over all its measured matrices."""
    good = layers[(layers["status"] == "ok") & layers["matrix"].isin(("before", "delta"))]
    squares = good.groupby([*RUN, "role", "matrix"], sort=False)["norm"].sum().unstack("matrix")  # noqa: PD010
    change = np.sqrt(squares["delta"] / squares["before"]).rename("relative_change")
    return change.reset_index()


def layers(results: Path, outline: Outline) -> Table:
    """One row per run, layer, part and matrix; `before` rows of the backbone are repeated for each run."""
    start = {
        name: read_table(folder(results, "spectra_before", backbone=name) / "layers.parquet")
        for name in outline.backbones
    }
    tables = []
    for run in outline.runs():
        after = read_table(folder(results, "spectra", **vars(run)) / "layers.parquet")
        before = start[run.backbone]
        heads = set(after.loc[after["role"] == "head", "layer"])
        table = pd.concat([before[~before["layer"].isin(heads)], after], ignore_index=True)
        tables.append(pd.concat([pd.DataFrame([vars(run)] * len(table)), table], axis=1))
    return pd.concat(tables, ignore_index=True)


def quantiles(results: Path, outline: Outline, layers: Table) -> Table:
    """Quantiles q00, q01, ... of log10 of the eigenvalues after training, of each run's hidden layers and parts.

    Eigenvalues below 1e-12 of the largest are left out. In one dimension the Wasserstein-2 distance of two ESDs is
    the root mean square difference of their quantiles.
    """
    rows = layers[(layers["matrix"] == "after") & (layers["status"] == "ok") & (layers["role"] == "hidden")]
    levels = (np.arange(QUANTILES) + 0.5) / QUANTILES
    names = [f"q{k:02d}" for k in range(QUANTILES)]
    spectra = _eigenvalues(results, rows)
    found = [np.quantile(np.log10(values[values > 1e-12 * values.max()]), levels) for values in spectra]
    table = pd.DataFrame(np.array(found).reshape(-1, QUANTILES), columns=names, index=rows.index)
    return pd.concat([rows[[*RUN, "layer", "part", "role", "kind"]], table], axis=1).reset_index(drop=True)


def spectra_examples(results: Path, outline: Outline, layers: Table, shown: int = 3) -> Table:
    """Eigenvalues of some layers (the largest hidden ones and the head) for the first baseline and strongest doses."""
    first = {run.family: run.seed for run in reversed(list(outline.runs()))}
    layers = layers.reset_index(drop=True)
    chosen = layers[
        (layers["seed"] == layers["family"].map(first))
        & (layers["status"] == "ok")
        & (layers.index.isin(strongest(layers).index) | (layers["dose"] == BASELINE))
    ]
    size = chosen[chosen["role"] == "hidden"].groupby("layer")["M"].max()
    names = [
        *size.sort_values(ascending=False, kind="stable").index[:shown],
        *chosen[chosen["role"] == "head"]["layer"].unique(),
    ]
    chosen = chosen[chosen["layer"].isin(names)]
    columns = [*RUN, "layer", "part", "matrix", "N", "M", "mp_lower", "mp_upper", "alpha", "xmin"]
    chosen = chosen.assign(xmin=chosen["xmin"] / chosen["ww_scale"])  # WeightWatcher's own units; the others are not
    return chosen[columns].assign(eigenvalues=_eigenvalues(results, chosen)).reset_index(drop=True)


def _eigenvalues(results: Path, chosen: Table) -> list[np.ndarray]:
    """The eigenvalues of each row's matrix, from the run's own file or that of its backbone before training."""
    read = functools.cache(read_tensors)
    found = []
    for row in chosen.to_dict("records"):
        name = f"{row['matrix']}/{row['layer']}/{row['part']}"
        places = [folder(results, kind, **row) for kind in ("spectra", "spectra_before")]
        files = (read(place / "esd.safetensors") for place in places)
        values = next((tensors[name] for tensors in files if name in tensors), None)
        if values is None:
            raise UserError(f"{places[0]} has no eigenvalues of {name}: run the stage spectra again")
        found.append(values)
    return found
