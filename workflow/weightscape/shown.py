"""Tables that the figures and the page show: histograms of spectra, reliability bins, the size of updates, costs.

As in `tables`, each function takes the results folder and the study's outline. Histograms of eigenvalues stand for
the eigenvalues themselves, whose number grows with runs times layers.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import softmax

from weightscape.effects import RUN
from weightscape.errors import UserError
from weightscape.files import read_json, read_tensors
from weightscape.frames import Table
from weightscape.records import read_provenance, read_record
from weightscape.tables import Outline, runs_of

BINS = 48
"""Bins of a spectrum's histogram, of equal width in log10 of the eigenvalue."""

DECADES = 6
"""Eigenvalues further below the largest one are counted in the first bin."""

Spectra = Mapping[str, np.ndarray]


def esd(results: Path, outline: Outline, layers: Table) -> Table:
    """One row per condition, layer, part and matrix: a histogram of log10 eigenvalues, pooled over the seeds.

    `low` and `high` are the ends of its BINS bins, common to all conditions of a layer and matrix; `counts` sum to
    `eigenvalues`. The law's edges and the tail are means over seeds, in units of lambda. `before` is equal in all
    runs but for the head, and has one row per layer, with empty family and dose.
    """
    ends = _ends(results, outline)
    counts: dict[tuple, np.ndarray] = {}
    for columns, name, values in _spectra(results, outline):
        place = (columns["dataset"], columns["backbone"], name)
        condition = ("", "", 0.0) if name.startswith("before/") else tuple(columns[key] for key in RUN[2:5])
        found = histogram(values, *ends[place])
        counts[(*place, *condition)] = counts.get((*place, *condition), 0) + found
    rows = []
    for (dataset, backbone, name, *condition), found in counts.items():
        matrix, rest = name.split("/", 1)
        layer, part = rest.rsplit("/", 1)
        keys = dict(zip(RUN[2:5], condition, strict=True)) | {"layer": layer, "part": part, "matrix": matrix}
        low, high = ends[(dataset, backbone, name)]
        sizes = {"low": low, "high": high, "eigenvalues": int(found.sum()), "counts": found}
        rows.append({"dataset": dataset, "backbone": backbone, **keys, **sizes})
    table = pd.DataFrame(rows, columns=[*RUN[:5], "layer", "part", "matrix", "low", "high", "eigenvalues", "counts"])
    return table.merge(_laws(layers), how="left", on=[*RUN[:4], "layer", "part", "matrix"])


def histogram(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Counts [BINS] of eigenvalues over equal bins of their log10 from low to high; smaller ones are in the first."""
    logs = np.log10(np.maximum(values, 10.0**low))
    return np.histogram(np.clip(logs, low, high), np.linspace(low, high, BINS + 1))[0]


def _spectra(results: Path, outline: Outline) -> Iterator[tuple[dict[str, Any], str, np.ndarray]]:
    """Each run's columns with each of its spectra by name, {matrix}/{layer}/{part}; the backbone's come first."""
    seen = set()
    for columns, run in runs_of(outline):
        own = read_tensors(results / "5_spectra" / run / "esd.safetensors")
        setup = (columns["dataset"], columns["backbone"])
        if setup not in seen:
            seen.add(setup)
            heads = {name for name in own if name.startswith("before/")}
            before = read_tensors(results / "5_spectra" / "before" / columns["backbone"] / "esd.safetensors")
            own = {name: values for name, values in before.items() if name not in heads} | own
        for name, values in own.items():
            if len(values):
                yield columns, name, values


def _ends(results: Path, outline: Outline) -> dict[tuple, tuple[float, float]]:
    """log10 of the smallest (at most DECADES below the largest) and the largest eigenvalue of each layer and matrix."""
    ends: dict[tuple, tuple[float, float]] = {}
    for columns, name, values in _spectra(results, outline):
        positive = values[values > 0]
        if not len(positive):
            positive = np.array([1.0])
        place = (columns["dataset"], columns["backbone"], name)
        low, high = np.log10(positive.min()), np.log10(positive.max())
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


def reliability(results: Path, outline: Outline) -> Table:
    """One row per run, split and bin of confidence: images, their mean confidence and accuracy (NaN if empty)."""
    bins = outline["calibration_bins"]
    known: dict[tuple[str, str], np.ndarray] = {}
    parts = []
    for columns, run in runs_of(outline):
        logits = read_tensors(results / "4_finetune" / run / "evaluation" / "logits.safetensors")
        for split in outline["splits"][columns["dataset"]]:
            place = (columns["dataset"], split)
            if place not in known:
                known[place] = _labels(results / "1_data" / columns["dataset"] / split)
            table = reliability_bins(logits[split], known[place], bins)
            parts.append(pd.concat([pd.DataFrame([{**columns, "split": split}] * bins), table], axis=1))
    return pd.concat(parts, ignore_index=True)


def reliability_bins(logits: np.ndarray, labels: np.ndarray, bins: int) -> Table:
    """Images, mean confidence and accuracy in equal-width bins of confidence on (0, 1] (Guo et al. 2017, eq. 1-2)."""
    p = softmax(logits.astype(np.float64), axis=1)
    confidence, right = p.max(axis=1), p.argmax(axis=1) == labels
    at = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    images = np.bincount(at, minlength=bins)
    some = np.where(images > 0, images, np.nan)
    means = [np.bincount(at, weights=x, minlength=bins) / some for x in (confidence, right)]
    return pd.DataFrame({"bin": range(bins), "images": images, "confidence": means[0], "accuracy": means[1]})


def _labels(folder: Path) -> np.ndarray:
    """The labels of a split, without its images."""
    from safetensors import safe_open

    found = []
    for name in sorted(read_record(folder / "manifest.json")["outputs"]):
        try:
            with safe_open(folder / name, "np") as shard:
                found.append(shard.get_tensor("labels"))
        except OSError as error:
            raise UserError(f"{folder / name} cannot be read ({error}): run the stage data again") from None
    return np.concatenate(found)


def weight_change(layers: Table) -> Table:
    """One row per run and role: ||after - before|| / ||before||, Frobenius norms over all its measured matrices."""
    good = layers[(layers["status"] == "ok") & layers["matrix"].isin(("before", "delta"))]
    squares = good.groupby([*RUN, "role", "matrix"], sort=False)["norm"].sum().unstack("matrix")  # noqa: PD010
    change = np.sqrt(squares["delta"] / squares["before"]).rename("relative_change")
    return change.reset_index()


def costs(results: Path) -> list[dict[str, Any]]:
    """Jobs, wall and CPU seconds, largest memory (MB), devices and hosts by stage, of all records up to stage 5."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for path in sorted(results.glob("[1-5]_*/**/*provenance.json")):
        record = path.with_name(path.name.removesuffix("provenance.json").rstrip(".") + ".json")
        record = path.with_name("manifest.json") if record.name == ".json" else record
        if record.is_file():
            folder = path.relative_to(results).parts[0]
            found.setdefault((folder, read_json(record).get("stage", "")), []).append(read_provenance(path))
    return [{"folder": folder, "stage": stage, **summed(jobs)} for (folder, stage), jobs in found.items()]


def summed(jobs: list[dict[str, Any]]) -> dict[str, Any]:
    """What several provenance records amount to."""
    several = {
        name: sorted({str(job[key]) for job in jobs if job.get(key)})
        for name, key in (("devices", "device"), ("hosts", "host"), ("machines", "machine"), ("commits", "commit"))
    }
    totals = {key: round(sum(job.get(key) or 0.0 for job in jobs), 1) for key in ("wall_seconds", "cpu_seconds")}
    memory = max((job.get("peak_memory_mb") or 0.0 for job in jobs), default=0.0)
    energy = [job["energy_joules"] for job in jobs if job.get("energy_joules")]
    return {
        "jobs": len(jobs),
        **totals,
        "peak_memory_mb": memory,
        "energy_joules": round(sum(energy), 1) if energy else None,
        **several,
    }
