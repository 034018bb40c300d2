"""The table of spectra: one row per layer, part and matrix (`before`, `after`, `delta` = after minus before).

Columns and units: `columns.COLUMNS`. Eigenvalues are lambda, the squared singular values, float64, undivided,
of all slices pooled and sorted.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np

from weightscape.errors import UserError
from weightscape.formats.lazy_tensors import with_arrays
from weightscape.progress import Progress
from weightscape.spectra import estimated
from weightscape.spectra.columns import COLUMNS, TEXT
from weightscape.spectra.eigenvalues import ranks
from weightscape.spectra.matrices import NOTHING_MORE, Known, Part, parts, tied
from weightscape.spectra.overlaps import Spectrum, packed, spectrum, unpacked, update_overlaps
from weightscape.spectra.parallel import Share, Workers
from weightscape.spectra.rounding import rounding_of_update, rounding_of_weights
from weightscape.spectra.row import (
    Row,
    Tensors,
    Unmeasurable,
    Weights,
    identity,
    load,
    measured,
    shape_of,
    sizes_of_update,
    slices_of,
)
from weightscape.spectra.settings import SpectraSettings
from weightscape.spectra.together import eigenvalues
from weightscape.spectra.two_stage import two_stage

if TYPE_CHECKING:
    import pandas as pd

MATRICES = ("before", "after", "delta")
CLEAR = 4.0  # times the rounding, from which on the direction of a singular vector is kept
AT_ONCE = 32  # parts that a run which is stopped may lose, of large ones one for each worker
LARGE = 1e12  # cost of a part, about a minute of a core
SMALLEST = 1e-140  # largest entry from which on the squares of all singular values above rounding keep their digits
VANISHING = 1e-163  # entries up to it have squares of zero
Result = TypeVar("Result")


@dataclass
class Measured:
    """The rows of one part by matrix, and its eigenvalues by "{matrix}/{layer}/{part}"."""

    rows: dict[str, Row] = field(default_factory=dict)
    values: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """Where spectra come from: those that are ready and eigenvalues by (matrix, name of the part), and threads."""

    ready: Mapping[tuple[str, str], Spectrum]
    values: Mapping[tuple[str, str], np.ndarray]
    share: Share

    def spectrum(self, matrix: str, part: Part, slices: np.ndarray, vectors: int) -> Spectrum:
        """The spectrum of loaded slices."""
        if VANISHING < np.abs(slices).max() < SMALLEST:
            raise Unmeasurable("too small for float64: squares of the entries lose their digits")
        values = self.values.get((matrix, part.name))
        if values is not None:
            return Spectrum(slices, values, [])
        return _decomposed(slices, vectors, f"{part.key} ({matrix})", self.share)


class Store(Protocol):
    """Keeps the parts that are measured, so that an interrupted run goes on from there."""

    def get(self, part: str) -> Measured | None: ...
    def put(self, part: str, measured: Measured) -> None: ...


@dataclass(frozen=True)
class Resources:
    """The resources of the engine: threads, a device on which torch decomposes, a count and a store of parts done."""

    workers: int = 1
    device: str | None = None
    progress: Progress | None = None
    lanes: int | None = None  # doubles in a vector of the native routines: as the processor has; 0 for LAPACK
    store: Store | None = None


def measure(
    weights: Weights,
    settings: SpectraSettings,
    matrices: Sequence[str] = ("after",),
    resources: Resources = Resources(),
    chosen: Sequence[Part] | None = None,
) -> "tuple[pd.DataFrame, dict[str, np.ndarray]]":
    """The table, and eigenvalues by "{matrix}/{layer}/{part}"; of the `chosen` parts alone if there are any."""
    _check_matrices(matrices, weights)
    before = None if weights.before is None else with_arrays(weights.before)
    weights = replace(weights, after=with_arrays(weights.after), before=before)
    measurable = parts_of(weights.after, weights.start, weights.known) if chosen is None else list(chosen)
    store = resources.store
    ready = _on_gpu(measurable, matrices, weights, settings, resources)

    def read(part: Part, matrix: str) -> np.ndarray:
        if estimated.is_estimated(part, settings):
            raise Unmeasurable("too large")
        return load(part, matrix, weights, settings.memory_limit)

    def count(matrix: str) -> None:
        if resources.progress and matrix == matrices[0]:
            resources.progress.advance()

    native = None if resources.device or vectors_wanted(settings, matrices) else two_stage(resources.lanes)
    done = {} if store is None else {part: kept for part in measurable if (kept := store.get(part.name)) is not None}
    with Workers(resources.workers) as workers:
        for batch in _batches([part for part in measurable if part not in done], store, resources.workers):
            known: dict[tuple[str, str], np.ndarray] = {}
            if native:
                tasks = [(matrix, _there(part, matrix, weights)) for part in batch for matrix in matrices]
                known = eigenvalues(native, tasks, read, workers, count)
            source = Source(ready, known, workers.share)

            def work(part: Part, source: Source = source) -> Measured:
                result = _measure_part(part, weights, settings, matrices, source)
                if store is not None:
                    store.put(part.name, result)
                if not native:
                    count(matrices[0])
                return result

            done |= zip(batch, _of_parts(work, batch, workers), strict=True)
    values = {name: array for part in measurable for name, array in done[part].values.items()}
    table = _table([row for part in measurable for row in done[part].rows.values()], weights.head)
    route = resources.device or (native.name if native else "LAPACK")
    table.attrs["eigenvalues"] = "; ".join([route, *estimated.methods(measurable, settings)])
    return table, values


def _on_gpu(
    parts: Sequence[Part], matrices: Sequence[str], weights: Weights, settings: SpectraSettings, resources: Resources
) -> dict[tuple[str, str], Spectrum]:
    """The spectra that a GPU computes, of parts that are neither kept already nor estimated; none without a GPU."""
    if not resources.device:
        return {}
    from weightscape.spectra.gpu import spectra

    kept = resources.store
    left = [part for part in parts if kept is None or kept.get(part.name) is None]
    left = [part for part in left if not estimated.is_estimated(part, settings)]
    return spectra(left, matrices, weights, settings, resources.device)


def _check_matrices(matrices: Sequence[str], weights: Weights) -> None:
    for matrix in matrices:
        if matrix not in MATRICES:
            raise UserError(f"matrix {matrix!r} is not known: use {', '.join(MATRICES)}")
        if matrix != "after" and weights.before is None:
            raise UserError(f"matrix {matrix!r} needs the weights before training: give them too")


def _batches(items: Sequence[Part], store: Store | None, workers: int) -> Iterator[Sequence[Part]]:
    """All parts at once, which fills the lanes of the native routines best; a few at a time where they are kept."""
    batch: list[Part] = []
    for part in items:
        batch.append(part)
        is_long = len(batch) >= workers and sum(each.cost for each in batch) > LARGE * workers
        if store is not None and (is_long or len(batch) == AT_ONCE):
            yield batch
            batch = []
    if batch:
        yield batch


def leading_vectors(tensors: Tensors, settings: SpectraSettings, known: Known = NOTHING_MORE) -> dict[str, np.ndarray]:
    """Leading singular vectors of every measurable part, for all runs that start from these weights."""
    if not settings.overlaps:
        return {}

    def work(part: Part) -> dict[str, np.ndarray]:
        try:
            slices = load(part, "after", Weights(tensors), settings.memory_limit)
        except Unmeasurable:
            return {}
        return packed(part.name, spectrum(slices, min(settings.overlap_vectors, part.smaller)).leading)

    with Workers(1) as workers:
        wanted = [part for part in parts_of(tensors, known=known) if not estimated.is_estimated(part, settings)]
        results = _of_parts(work, wanted, workers)
    return {name: array for result in results for name, array in result.items()}


def parts_of(tensors: Tensors, before: Tensors | None = None, known: Known = NOTHING_MORE) -> list[Part]:
    """The parts of a state dict; a weight stored under two names comes once, under one of `before` or the first."""
    every = parts({key: shape_of(tensors, key) for key in tensors}, known)
    repeated = tied(tensors, dict.fromkeys(part.key for part in every), before or ())
    return [part for part in every if part.key not in repeated]


def _of_parts(work: Callable[[Part], Result], items: Sequence[Part], workers: Workers) -> list[Result]:
    """`work` of every part, the costliest first; the results in the order of the parts."""
    order = sorted(items, key=lambda part: -part.cost)
    done = dict(zip(order, workers.each(work, order), strict=True))
    return [done[part] for part in items]


def vectors_wanted(settings: SpectraSettings, matrices: Sequence[str]) -> int:
    """How many leading vectors of each matrix the table needs."""
    return settings.overlap_vectors if settings.overlaps and "delta" in matrices else 0


def _there(part: Part, matrix: str, weights: Weights) -> Part:
    """The part as it is in a matrix: that before may have another shape."""
    before = weights.start
    return part.at(shape_of(before, part.key)) if matrix == "before" and part.key in before else part


def _measure_part(
    part: Part,
    weights: Weights,
    settings: SpectraSettings,
    matrices: Sequence[str],
    source: Source,
) -> Measured:
    """All matrices of one part."""
    after, before = weights.after, weights.start
    result = Measured()
    spectra: dict[str, Spectrum] = {}
    vectors = min(vectors_wanted(settings, matrices), part.smaller)
    floors: dict[str, float] = {}
    for matrix in matrices:
        there = _there(part, matrix, weights)
        try:
            if estimated.is_estimated(there, settings):
                row = result.rows[matrix] = estimated.row_of(there, matrix, weights, settings)
                if matrix == "delta":
                    row |= sizes_of_update(float(row["norm"] or 0) / float(row["ww_scale"] or 1), part, weights)
                continue
            found = source.ready.get((matrix, part.name))
            if found is None:
                slices = load(there, matrix, weights, settings.memory_limit)
                found = source.spectrum(matrix, there, slices, min(vectors, there.smaller))
        except Unmeasurable as reason:
            result.rows[matrix] = identity(there, matrix) | {"status": str(reason)}
            continue
        if matrix == "delta":
            floors[matrix] = rounding_of_update(slices_of(part, after), slices_of(part, before))
        else:
            floors[matrix] = rounding_of_weights(found.slices)
        result.rows[matrix] = measured(there, matrix, found, settings, floors[matrix])
        result.values[f"{matrix}/{part.name}"] = found.values
        spectra[matrix] = found.without_slices()
    if "delta" in spectra:
        result.rows["delta"] |= _update_columns(part, spectra, weights, vectors, floors["delta"], source.share)
    return result


def _update_columns(
    part: Part, spectra: dict[str, Spectrum], weights: Weights, vectors: int, floor: float, share: Share
) -> Row:
    """Columns of `delta` that compare it with `before` and `after`."""
    update = spectra["delta"].per_slice
    columns = sizes_of_update(float(update.sum()), part, weights)
    if not (vectors and update.any()):
        return columns
    bases = {name: found.leading for name, found in spectra.items()}
    ready = unpacked(part.name, weights.leading)
    if ready:
        bases.setdefault("before", ready)
    try:
        for name, tensors in (("before", weights.start), ("after", weights.after)):
            if name not in bases:
                bases[name] = _decomposed(slices_of(part, tensors), vectors, name, share).leading
    except Unmeasurable:
        return columns
    clear = ranks(update, part.larger, CLEAR * floor)
    if not clear.any():
        return columns
    count = min(int(clear[clear > 0].min()), vectors)
    leading = [
        [base.first(count) for base, rank in zip(bases[name], clear, strict=True) if rank]
        for name in ("delta", "before", "after")
    ]
    return columns | update_overlaps(*leading)


def _decomposed(slices: np.ndarray, vectors: int, name: str, share: Share) -> Spectrum:
    """The spectrum; refuses entries whose squares are no numbers of float64."""
    with np.errstate(over="ignore", invalid="ignore"):
        try:
            found = spectrum(slices, vectors, share)
        except (np.linalg.LinAlgError, ValueError):
            if np.isfinite(np.square(np.abs(slices).max(), dtype=np.float64) * slices.size):
                raise  # a fault of another kind, which must not pass for large entries
            found = None
    if found is None or not np.isfinite(found.per_slice).all():
        raise Unmeasurable(f"too large in {name} for float64")
    return found


def _table(rows: list[Row], head: frozenset[str]) -> "pd.DataFrame":
    """All columns in their order; what is not defined is NaN."""
    import pandas as pd  # here, so that measuring starts before it is loaded

    for row in rows:
        in_head = row["layer"] in head or f"{row['layer']}.weight" in head
        row["role"] = "head" if in_head else "hidden"
    columns = {name: [row.get(name) for row in rows] for name in COLUMNS}
    texts = {name: pd.array(columns[name], "str") for name in COLUMNS if name in TEXT}
    numbers = {name: np.array(columns[name], np.float64) for name in COLUMNS if name not in TEXT}
    return pd.DataFrame(texts | numbers, columns=list(COLUMNS))
