"""One row of the table: all columns of one matrix."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from weightscape.seeds import generator
from weightscape.spectra import estimators, overlaps, rounding, weightwatcher
from weightscape.spectra.eigenvalues import squared_singular_values
from weightscape.spectra.matrices import NOT_FLOAT, Part
from weightscape.spectra.settings import SpectraSettings

Row = dict[str, float | str | None]


class Unmeasurable(Exception):
    """Why a matrix has no spectrum; becomes the status of its row."""


def shape_of(tensors: Mapping[str, np.ndarray], key: str) -> tuple[int, ...]:
    """The shape of a tensor, without reading it where the mapping knows."""
    known = getattr(tensors, "shapes", None)
    return tensors[key].shape if known is None else known[key]


def slices_of(part: Part, tensors: Mapping[str, np.ndarray]) -> np.ndarray:
    """The slices [slices, rows, columns] of a part, of which no more is widened than itself."""
    cut = getattr(tensors, "cut", None)
    return part.view(tensors[part.key]) if cut is None else part.stacked(cut(part.key, part.index))


def load(
    part: Part, matrix: str, after: Mapping[str, np.ndarray], before: Mapping[str, np.ndarray], limit: int
) -> np.ndarray:
    """The slices [slices, rows, columns] of a matrix: a view, or float64 for `delta`."""
    if part.status != "ok":
        raise Unmeasurable(part.status)
    _check_memory(part, limit)
    if matrix == "after":
        return _finite(part, "after", after)
    if part.key not in before:
        raise Unmeasurable("before has no such tensor")
    earlier = shape_of(before, part.key)
    if earlier != part.shape:
        raise Unmeasurable(f"shape {part.shape} was {earlier} before")
    if matrix == "before":
        return _finite(part, "before", before)
    return np.subtract(_finite(part, "after", after), _finite(part, "before", before), dtype=np.float64)


def _finite(part: Part, matrix: str, tensors: Mapping[str, np.ndarray]) -> np.ndarray:
    slices = slices_of(part, tensors)
    if slices.dtype.kind != "f":
        raise Unmeasurable("complex numbers" if slices.dtype.kind == "c" else NOT_FLOAT)
    with np.errstate(invalid="ignore", over="ignore"):
        total = slices.sum()
    if not np.isfinite(total) and not np.isfinite(slices).all():
        word = "NaN" if np.isnan(slices).any() else "infinite values"
        raise Unmeasurable(f"{word} in {part.key} ({matrix})")
    return slices


def _check_memory(part: Part, limit: int) -> None:
    needed = _needed(part)
    if needed > limit:
        raise Unmeasurable(f"needs {needed / 2**30:.1f} GiB, memory_limit is {limit / 2**30:.1f} GiB")


def _needed(part: Part) -> int:
    """Bytes of float64 work space."""
    return 8 * (part.slices * part.larger * part.smaller + 3 * part.smaller**2)


def identity(part: Part, matrix: str) -> Row:
    """What is known of a matrix without its values."""
    return {
        "layer": part.layer,
        "part": part.part,
        "matrix": matrix,
        "kind": part.kind,
        "status": part.status,
        "alpha_status": "not measured",
        "N": part.larger,
        "M": part.smaller,
        "Q": part.larger / part.smaller,
        "rf": part.slices,
        "ww_scale": weightwatcher.scale(part.kind),
    }


@dataclass
class Spectrum:
    """Eigenvalues of the loaded slices of a matrix, and their leading vectors where overlaps are wanted."""

    slices: np.ndarray
    per_slice: np.ndarray
    leading: list[overlaps.Leading]

    @property
    def values(self) -> np.ndarray:
        """All eigenvalues, sorted."""
        return np.sort(self.per_slice.ravel())

    def without_slices(self) -> "Spectrum":
        """What is compared with other matrices, without the matrix itself."""
        return Spectrum(np.empty((0, 0, 0)), self.per_slice, self.leading)


def spectrum(slices: np.ndarray, vectors: int) -> Spectrum:
    """The spectrum of [slices, rows, columns], with `vectors` leading vectors if any are asked for."""
    if vectors:
        return Spectrum(slices, *overlaps.decompose(slices, vectors))
    return Spectrum(slices, squared_singular_values(slices), [])


def measured(part: Part, matrix: str, found: Spectrum, settings: SpectraSettings, floor: float = 0.0) -> Row:
    """The row of one matrix; our columns leave out singular values up to `floor`, the rounding of stored weights."""
    values = found.values
    name = f"{matrix}/{part.layer}/{part.part}"
    row = identity(part, matrix) | {"status": _status(found.slices, values), "num_evals": len(values)}
    row["rounding"] = floor
    row |= _watcher_columns(part, found, values, settings, name)
    if values[-1] > 0:
        row |= _our_columns(part, found, values, settings, name, floor)
        row["phase"] = estimators.phase(row)
    return row


def _status(slices: np.ndarray, values: np.ndarray) -> str:
    if values[-1] == 0:
        return "too small for float64: squares of the entries are zero" if slices.any() else "all zeros"
    first = slices[0, 0, 0]
    same = (slices[:, 0] == first).all() and (slices == first).all()  # a row tells of nearly all that they vary
    return f"constant: every entry is {first:g}" if same else "ok"


def _watcher_columns(part: Part, found: Spectrum, values: np.ndarray, settings: SpectraSettings, name: str) -> Row:
    factor = weightwatcher.scale(part.kind)
    scaled = factor * values
    columns: Row = dict(weightwatcher.norms(scaled, part.larger))
    columns |= weightwatcher.slice_columns(factor * found.per_slice, part.larger)
    tail, columns["alpha_status"] = weightwatcher.tail(scaled)
    columns |= tail
    if values[-1] > 0 and settings.mp_fit:
        columns |= weightwatcher.bulk(scaled, part.larger, part.smaller)
    if values[-1] > 0 and settings.null:
        random = generator(settings.seed, "spectra-null", name)
        columns |= weightwatcher.random_null(found.slices, scaled, factor, random)
    return columns


def _our_columns(
    part: Part, found: Spectrum, values: np.ndarray, settings: SpectraSettings, name: str, floor: float
) -> Row:
    columns: Row = dict(estimators.bulk(found.per_slice, part.larger, floor))
    columns["rank"] = int(rounding.ranks(found.per_slice, part.larger, floor).sum())
    columns |= estimators.shapes(values, found.per_slice, part.larger, settings, floor)
    columns |= estimators.tail(values, part.larger, settings, name, floor)
    if settings.farms:
        columns |= estimators.fixed_aspect(found.slices, settings, floor)
    return columns


def relative_norm(values: np.ndarray, before: np.ndarray) -> float:
    """Frobenius norm of the update with these eigenvalues over that of before; NaN if that is zero or overflows."""
    with np.errstate(over="ignore"):
        size = float(np.linalg.norm(before.astype(np.float64)))
    return float(np.sqrt(values.sum())) / size if 0 < size < np.inf else float("nan")
