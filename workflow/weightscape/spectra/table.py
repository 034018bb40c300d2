"""The table of spectra: one row per layer, part and matrix (`before`, `after`, `delta` = after minus before).

Columns and units: `columns.COLUMNS`. Eigenvalues are lambda, the squared singular values, float64, undivided,
of all slices pooled and sorted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from weightscape.errors import UserError
from weightscape.progress import Progress
from weightscape.spectra import rounding
from weightscape.spectra.columns import COLUMNS, TEXT
from weightscape.spectra.matrices import Part, parts, tied
from weightscape.spectra.overlaps import packed, unpacked, update_overlaps
from weightscape.spectra.row import (
    Row,
    Spectrum,
    Unmeasurable,
    identity,
    load,
    measured,
    relative_norm,
    shape_of,
    slices_of,
    spectrum,
)
from weightscape.spectra.settings import SpectraSettings
from weightscape.spectra.threads import largest_first

if TYPE_CHECKING:
    import pandas as pd

MATRICES = ("before", "after", "delta")


@dataclass
class Measured:
    """What one part gives: its rows, and eigenvalues by "{matrix}/{layer}/{part}"."""

    rows: list[Row] = field(default_factory=list)
    values: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Weights:
    """A network's tensors after training and, if they are there, before it.

    `head` names the layers of the new classifier; `leading` are the leading vectors of `before` (see
    `leading_vectors`) as far as they are known.
    """

    after: Mapping[str, np.ndarray]
    before: Mapping[str, np.ndarray] | None = None
    head: frozenset[str] = frozenset()
    leading: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def start(self) -> Mapping[str, np.ndarray]:
        """The tensors before training; empty if there are none."""
        return self.before or {}


@dataclass(frozen=True)
class Resources:
    """What the engine may use: threads, a device on which torch decomposes, and a count of the parts done."""

    workers: int = 1
    device: str | None = None
    progress: Progress | None = None


def measure(
    weights: Weights,
    settings: SpectraSettings,
    matrices: Sequence[str] = ("after",),
    resources: Resources | None = None,
) -> "tuple[pd.DataFrame, dict[str, np.ndarray]]":
    """The table, and eigenvalues by "{matrix}/{layer}/{part}"."""
    _check(matrices, weights)
    resources = resources or Resources()
    measurable = parts_of(weights.after)
    ready: dict[tuple[str, str], Spectrum] = {}
    if resources.device:
        from weightscape.spectra.gpu import spectra

        ready = spectra(measurable, matrices, weights.after, weights.start, settings, resources.device)

    def work(part: Part) -> Measured:
        return _measure_part(part, weights, settings, matrices, ready)

    results = largest_first(work, measurable, lambda part: part.cost, resources.workers, resources.progress)
    values = {name: array for item in results for name, array in item.values.items()}
    return _table([row for item in results for row in item.rows], weights.head), values


def leading_vectors(
    tensors: Mapping[str, np.ndarray], settings: SpectraSettings, workers: int = 1
) -> dict[str, np.ndarray]:
    """Leading singular vectors of every measurable part, for all runs that start from these weights."""
    if not settings.overlaps:
        return {}

    def work(part: Part) -> dict[str, np.ndarray]:
        try:
            slices = load(part, "after", tensors, {}, settings.memory_limit)
        except Unmeasurable:
            return {}
        return packed(part.name, spectrum(slices, _vectors(part, settings)).leading)

    results = largest_first(work, parts_of(tensors), lambda part: part.cost, workers)
    return {name: array for item in results for name, array in item.items()}


def _vectors(part: Part, settings: SpectraSettings) -> int:
    return min(settings.overlap_vectors, part.smaller)


def parts_of(tensors: Mapping[str, np.ndarray]) -> list[Part]:
    """The parts of a state dict; a weight stored under two names comes once, under the first."""
    found = parts(_shapes(tensors))
    repeated = tied(tensors, dict.fromkeys(part.key for part in found))
    return [part for part in found if part.key not in repeated]


def _shapes(tensors: Mapping[str, np.ndarray]) -> Mapping[str, tuple[int, ...]]:
    """Shapes without reading the tensors where the mapping knows them."""
    return {key: shape_of(tensors, key) for key in tensors}


def _check(matrices: Sequence[str], weights: Weights) -> None:
    for matrix in matrices:
        if matrix not in MATRICES:
            raise UserError(f"matrix {matrix!r} is not known: use {', '.join(MATRICES)}")
        if matrix != "after" and weights.before is None:
            raise UserError(f"matrix {matrix!r} needs the weights before training: give them too")


def _measure_part(
    part: Part,
    weights: Weights,
    settings: SpectraSettings,
    matrices: Sequence[str],
    ready: Mapping[tuple[str, str], Spectrum],
) -> Measured:
    """All matrices of one part."""
    after, before = weights.after, weights.start
    result = Measured()
    spectra: dict[str, Spectrum] = {}
    floors: dict[str, float] = {}
    vectors = _vectors(part, settings) if settings.overlaps and "delta" in matrices else 0
    for matrix in matrices:
        own = part.at(shape_of(before, part.key)) if matrix == "before" and part.key in before else part
        try:
            found = ready.get((matrix, part.name))
            slices = load(own, matrix, after, before, settings.memory_limit) if found is None else found.slices
        except Unmeasurable as reason:
            result.rows.append(identity(own, matrix) | {"status": str(reason)})
            continue
        found = found or _decomposed(slices, min(vectors, own.smaller))
        if found is None:
            result.rows.append(identity(own, matrix) | {"status": f"too large in {part.key} ({matrix}) for float64"})
            continue
        spectra[matrix] = found.without_slices()
        result.values[f"{matrix}/{part.layer}/{part.part}"] = found.values
        floors[matrix] = _rounding(part, matrix, found, after, before)
        result.rows.append(measured(own, matrix, found, settings, floors[matrix]))
    if "delta" in spectra:
        update = next(row for row in result.rows if row["matrix"] == "delta")
        update |= _update_columns(part, spectra, weights, vectors, floors["delta"])
    return result


def _update_columns(part: Part, spectra: dict[str, Spectrum], weights: Weights, vectors: int, floor: float) -> Row:
    """Columns of `delta` that compare it with `before` and `after`."""
    before = weights.start
    columns: Row = {"relative_norm": relative_norm(spectra["delta"].per_slice, slices_of(part, before))}
    if vectors and spectra["delta"].per_slice.any():
        bases = {name: found.leading for name, found in spectra.items()}
        known = unpacked(part.name, weights.leading)
        if known:
            bases.setdefault("before", known)
        for name, tensors in (("before", before), ("after", weights.after)):
            if name not in bases:
                whole = _decomposed(slices_of(part, tensors), vectors)
                if whole is None:
                    return columns
                bases[name] = whole.leading
        ranks = rounding.ranks(spectra["delta"].per_slice, part.larger, rounding.CLEAR * floor)
        kept = min((int(rank) for rank in ranks if rank), default=0)
        if kept:
            count = min(kept, vectors)
            chosen = [
                [base.first(count) for base, rank in zip(bases[name], ranks, strict=True) if rank]
                for name in ("delta", "before", "after")
            ]
            columns |= update_overlaps(*chosen)
    return columns


def _decomposed(slices: np.ndarray, vectors: int) -> Spectrum | None:
    """The spectrum; None where the squares of the entries are no numbers of float64."""
    with np.errstate(over="ignore", invalid="ignore"):
        try:
            found = spectrum(slices, vectors)
        except (np.linalg.LinAlgError, ValueError):
            if np.isfinite(np.square(np.abs(slices).max(), dtype=np.float64) * slices.size):
                raise  # a fault of another kind, which must not pass for large entries
            return None
    return found if np.isfinite(found.per_slice).all() else None


def _rounding(
    part: Part, matrix: str, found: Spectrum, after: Mapping[str, np.ndarray], before: Mapping[str, np.ndarray]
) -> float:
    """What storing the weights in their precision does to the singular values of a matrix."""
    if matrix == "delta":
        return rounding.of_update(slices_of(part, after), slices_of(part, before))
    return rounding.of_weights(found.slices)


def _table(rows: list[Row], head: frozenset[str]) -> "pd.DataFrame":
    """All columns in their order; what is not defined is NaN."""
    import pandas as pd  # here, so that measuring starts before it is loaded

    for row in rows:
        in_head = row["layer"] in head or f"{row['layer']}.weight" in head
        row["role"] = "head" if in_head else "hidden"
    columns = {}
    for name in COLUMNS:
        if name in TEXT:
            columns[name] = pd.array([row.get(name) for row in rows], dtype="str")
        else:
            columns[name] = np.array([row.get(name, np.nan) for row in rows], dtype=np.float64)
    return pd.DataFrame(columns)
