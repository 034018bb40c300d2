"""The weights of a network, the matrices that can be measured, and one row of the table: all columns of one matrix."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from weightscape.seeds import generator
from weightscape.spectra import estimators, weightwatcher
from weightscape.spectra.matrices import NOT_FLOAT, ONE_ROW, Known, Part
from weightscape.spectra.overlaps import Spectrum
from weightscape.spectra.settings import SpectraSettings

Row = dict[str, float | str | None]
ZEROS = "all zeros"
ROWS = 32  # of a slice, widened at a time
Tensors = Mapping[str, np.ndarray]


class Unmeasurable(Exception):
    """Why a matrix has no spectrum; becomes the status of its row."""


@dataclass(frozen=True)
class Weights:
    """A network's tensors after training and, if they are there, before it.

    `head` names the layers of the new classifier; `leading` are the leading vectors of `before` (see
    `table.leading_vectors`) as far as they are there, and `known` is what is known of the network.
    """

    after: Tensors
    before: Tensors | None = None
    head: frozenset[str] = frozenset()
    leading: Tensors = field(default_factory=dict)
    known: Known = field(default_factory=Known)

    @property
    def start(self) -> Tensors:
        """The tensors before training; empty if there are none."""
        return self.before or {}


def shape_of(tensors: Tensors, key: str) -> tuple[int, ...]:
    """The shape of a tensor, without reading it if the mapping has all shapes."""
    shapes = getattr(tensors, "shapes", None)
    return tensors[key].shape if shapes is None else shapes[key]


def slices_of(part: Part, tensors: Tensors) -> np.ndarray:
    """The slices [slices, rows, columns] of a part, of which no more is widened than itself."""
    cut = getattr(tensors, "cut", None)
    return part.stacked(tensors[part.key][part.index] if cut is None else cut(part.key, part.index))


def load(part: Part, matrix: str, weights: Weights, limit: int) -> np.ndarray:
    """The slices [slices, rows, columns] of a matrix: a view, or float64 for `delta`."""
    check_part(part, weights)
    needed = 8 * (part.slices * part.larger * part.smaller + 3 * part.smaller**2)  # bytes of float64 work space
    if needed > limit:
        raise Unmeasurable(f"needs {needed / 2**30:.1f} GiB, memory_limit is {limit / 2**30:.1f} GiB")
    first, *minus = terms(part, matrix, weights)
    return np.subtract(first, minus[0], dtype=np.float64) if minus else first


def check_part(part: Part, weights: Weights) -> None:
    """Refuse a part that has no spectrum by its shape or kind."""
    if part.status != "ok":
        whole = part.status == ONE_ROW and part.key in weights.after
        raise Unmeasurable(NOT_FLOAT if whole and slices_of(part, weights.after).dtype.kind in "iub" else part.status)


def terms(part: Part, matrix: str, weights: Weights) -> tuple[np.ndarray, ...]:
    """The slices of a matrix; those after and those before for a `delta` that is their difference."""
    if matrix == "after":
        return (_finite(part, "after", weights.after),)
    if part.key not in weights.start:
        raise Unmeasurable("before has no such tensor")
    earlier = shape_of(weights.start, part.key)
    if earlier != part.shape:
        raise Unmeasurable(f"shape {part.shape} was {earlier} before")
    if matrix == "before":
        return (_finite(part, "before", weights.start),)
    difference = getattr(weights.after, "difference", None)  # of an adapter, without the rounding of its sum
    update = None if difference is None else difference(part.key, part.index)
    if update is not None:
        return (_checked(part.stacked(update), part, matrix),)
    return _finite(part, "after", weights.after), _finite(part, "before", weights.start)


def _finite(part: Part, matrix: str, tensors: Tensors) -> np.ndarray:
    return _checked(slices_of(part, tensors), part, matrix)


def _checked(slices: np.ndarray, part: Part, matrix: str) -> np.ndarray:
    """The slices; refuses those with entries that are no finite floating-point numbers."""
    if slices.dtype.kind != "f":
        raise Unmeasurable("complex numbers" if slices.dtype.kind == "c" else NOT_FLOAT)
    with np.errstate(invalid="ignore", over="ignore"):
        total = slices.sum()
    if not np.isfinite(total) and not np.isfinite(slices).all():
        word = "NaN" if np.isnan(slices).any() else "infinite values"
        raise Unmeasurable(f"{word} in {part.key} ({matrix})")
    return slices


def identity(part: Part, matrix: str) -> Row:
    """The columns of a matrix that do not depend on its values."""
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


def measured(part: Part, matrix: str, found: Spectrum, settings: SpectraSettings, floor: float) -> Row:
    """The row of one matrix; our columns leave out singular values up to `floor`, the rounding of stored weights."""
    values = found.values
    name = f"{matrix}/{part.name}"
    status = _status(found.slices, values)
    unread = status == ZEROS and part.remark.startswith("unscaled")  # a change that is not read
    row = identity(part, matrix) | {
        "status": (part.remark or "ok") if status == "ok" or unread else status,
        "num_evals": len(values),
    }
    row["rounding"] = floor
    row |= _watcher_columns(part, found, values, settings, name)
    if values[-1] > 0:
        row |= estimators.columns(found, part.larger, settings, name, floor)
        row["phase"] = estimators.phase({name: value for name, value in row.items() if isinstance(value, int | float)})
        row["log_stable_rank"] = float(np.log10(values.sum() / values[-1]))
        if matrix == "delta" and not estimators.rest_is_noise(found.per_slice, part.larger, floor):
            row |= dict.fromkeys(("num_outliers", "outlier_energy"), float("nan"))
    return row


def _status(slices: np.ndarray, values: np.ndarray) -> str:
    if values[-1] == 0:
        return "too small for float64: squares of the entries are zero" if slices.any() else ZEROS
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


def sizes_of_update(total: float, part: Part, weights: Weights) -> Row:
    """Columns of an update without its spectrum, `total` its squared norm; NaN where they are no numbers.

    Shrinkage is c = <after, before> / <before, before>, the rest has log10 of |after - c before|^2: decoupled weight
    decay multiplies weights by a factor at every step, and an update is compared without its share of c. Row by row in
    float64, as whole slices would need two further matrices.
    """
    after, before = slices_of(part, weights.after), slices_of(part, weights.start)

    def updates() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for ours, theirs in zip(after, before, strict=True):
            for first in range(0, len(ours), ROWS):
                start = theirs[first : first + ROWS].astype(np.float64)
                yield np.subtract(ours[first : first + ROWS], start, dtype=np.float64), start

    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        along, size = np.sum([(np.vdot(update, start), np.vdot(start, start)) for update, start in updates()], axis=0)
        shrunk = along / size
        free = sum(float(np.square(update - shrunk * start).sum()) for update, start in updates())
        found = {
            "relative_norm": np.sqrt(total / size),
            "kept_share": 1 + shrunk,
            "log_free_norm": np.log10(free),
        }
    return {name: float(value) if np.isfinite(value) else float("nan") for name, value in found.items()}
