"""Computes spectra on a GPU with torch: matrices of one shape are decomposed together, in float64.

The numbers are those of the numpy route within rounding; everything after the decomposition is the same code. Off by
default: without fast float64 arithmetic a GPU loses.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from weightscape.spectra.eigenvalues import exact_where_small
from weightscape.spectra.matrices import Part
from weightscape.spectra.overlaps import Leading
from weightscape.spectra.row import Spectrum, Unmeasurable, load
from weightscape.spectra.settings import SpectraSettings

if TYPE_CHECKING:
    import torch


def squared_singular_values(slices: "torch.Tensor") -> "torch.Tensor":
    """[slices, M] eigenvalues of each slice of [slices, n, m], ascending, float64, on the slices' device."""
    import torch

    return torch.linalg.eigvalsh(_gram(slices.double())).clamp_min(0)


def decompose(slices: "torch.Tensor", count: int) -> "tuple[torch.Tensor, torch.Tensor, torch.Tensor]":
    """Eigenvalues [slices, M] and the leading left [slices, n, k] and right [slices, m, k] singular vectors."""
    import torch

    matrices = slices.double()
    values, vectors = torch.linalg.eigh(_gram(matrices))
    own = vectors[..., -count:]
    tall = matrices.shape[-2] >= matrices.shape[-1]
    other = torch.linalg.qr(matrices @ own if tall else matrices.mT @ own)[0]
    return values.clamp_min(0), *((other, own) if tall else (own, other))


def _gram(matrices: "torch.Tensor") -> "torch.Tensor":
    return matrices.mT @ matrices if matrices.shape[-2] >= matrices.shape[-1] else matrices @ matrices.mT


def spectra(
    parts: Sequence[Part],
    matrices: Sequence[str],
    after: Mapping[str, np.ndarray],
    before: Mapping[str, np.ndarray],
    settings: SpectraSettings,
    device: str,
) -> dict[tuple[str, str], Spectrum]:
    """The spectrum of each measurable matrix by (matrix, name of the part), batch by batch of one shape."""
    vectors = settings.overlap_vectors if settings.overlaps and "delta" in matrices else 0
    found = {}
    for batch in _batches(parts, matrices, after, before, settings):
        for (matrix, part), result in zip(batch, _decomposed(list(batch.values()), vectors, device), strict=True):
            found[matrix, part.name] = result
    return found


def _batches(
    parts: Sequence[Part],
    matrices: Sequence[str],
    after: Mapping[str, np.ndarray],
    before: Mapping[str, np.ndarray],
    settings: SpectraSettings,
) -> Iterator[dict[tuple[str, Part], np.ndarray]]:
    """Matrices whose slices have one shape, as many at a time as the memory limit holds."""
    shapes: dict[tuple[int, int], list[Part]] = {}
    for part in parts:
        shapes.setdefault((part.rows, part.columns), []).append(part)
    for alike in shapes.values():
        batch, size = {}, 0
        for matrix in matrices:
            for part in alike:
                try:
                    slices = load(part, matrix, after, before, settings.memory_limit)
                except Unmeasurable:
                    continue
                needed = 8 * (slices.size + 3 * part.slices * part.smaller**2)
                if batch and size + needed > settings.memory_limit:
                    yield batch
                    batch, size = {}, 0
                batch[matrix, part] = slices
                size += needed
        if batch:
            yield batch


def _decomposed(content: list[np.ndarray], vectors: int, device: str) -> Iterator[Spectrum]:
    import torch

    ends = np.cumsum([len(slices) for slices in content])
    stacked: Any = torch.from_numpy(np.concatenate([slices.astype(np.float64) for slices in content])).to(device)
    bases: list[Leading] = []
    if vectors:
        values, left, right = (part.cpu().numpy() for part in decompose(stacked, min(vectors, *stacked.shape[1:])))
        bases = [Leading(*pair) for pair in zip(left, right, strict=True)]
    else:
        values = squared_singular_values(stacked).cpu().numpy()
    for slices, stop in zip(content, ends, strict=True):
        own = slice(stop - len(slices), stop)
        yield Spectrum(slices, exact_where_small(slices, values[own]), bases[own])
