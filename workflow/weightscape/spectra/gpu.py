"""Computes spectra on a GPU with torch: matrices of one shape are decomposed together, in float64.

The numbers are those of the numpy route within rounding; everything after the decomposition is the same code. Off by
default: without fast float64 arithmetic a GPU loses.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from weightscape.spectra.eigenvalues import Lowest, joined, settled
from weightscape.spectra.matrices import Part
from weightscape.spectra.overlaps import Leading, Spectrum
from weightscape.spectra.row import Unmeasurable, Weights, load
from weightscape.spectra.settings import SpectraSettings


def spectra(
    parts: Sequence[Part], matrices: Sequence[str], weights: Weights, settings: SpectraSettings, device: str
) -> dict[tuple[str, str], Spectrum]:
    """The spectrum of each measurable matrix by (matrix, name of the part), batch by batch of one shape."""
    vectors = settings.overlap_vectors if settings.overlaps and "delta" in matrices else 0
    results = {}
    for batch in _batches(parts, matrices, weights, settings.memory_limit):
        for (matrix, part), result in zip(batch, _decomposed(list(batch.values()), vectors, device), strict=True):
            results[matrix, part.name] = result
    return results


def _batches(
    parts: Sequence[Part], matrices: Sequence[str], weights: Weights, limit: int
) -> Iterator[dict[tuple[str, Part], np.ndarray]]:
    """Matrices whose slices have one shape, as many at a time as the memory limit holds."""
    shapes: dict[tuple[int, int], list[Part]] = {}
    for part in parts:
        shapes.setdefault((part.rows, part.columns), []).append(part)
    for alike in shapes.values():
        batch, size = {}, 0
        for matrix, part in itertools.product(matrices, alike):
            try:
                slices = load(part, matrix, weights, limit)
            except Unmeasurable:
                continue
            needed = 8 * (slices.size + 3 * part.slices * part.smaller**2)
            if batch and size + needed > limit:
                yield batch
                batch, size = {}, 0
            batch[matrix, part] = slices
            size += needed
        if batch:
            yield batch


def _decomposed(content: list[np.ndarray], vectors: int, device: str) -> Iterator[Spectrum]:
    """The spectra of matrices whose slices have one shape, from one decomposition."""
    import torch

    ends = np.cumsum([len(slices) for slices in content])
    stacked: Any = torch.from_numpy(np.concatenate([slices.astype(np.float64) for slices in content])).to(device)
    tall = stacked.shape[-2] >= stacked.shape[-1]
    gram = stacked.mT @ stacked if tall else stacked @ stacked.mT
    bases: list[Leading] = []
    if vectors:
        values, basis = torch.linalg.eigh(gram)
        basis = basis[..., -min(vectors, *stacked.shape[1:]) :]
        other = torch.linalg.qr(stacked @ basis if tall else stacked.mT @ basis)[0]
        left, right = (side.cpu().numpy() for side in ((other, basis) if tall else (basis, other)))
        bases = [Leading(*pair) for pair in zip(left, right, strict=True)]
    else:
        values = torch.linalg.eigvalsh(gram)
    values = values.clamp_min(0).cpu().numpy()
    for slices, stop in zip(content, ends, strict=True):
        own = slice(stop - len(slices), stop)
        lowest = Lowest()
        matrices = (matrix.astype(np.float64, copy=False) for matrix in slices)
        solved = [settled(matrix, row, None, lowest) for matrix, row in zip(matrices, values[own], strict=True)]
        yield Spectrum(slices, joined(solved), bases[own])
