"""The row of a matrix that is too large to be decomposed: exact norms, and estimates with their errors."""

import math
from collections.abc import Iterable

import numpy as np

from weightscape.seeds import generator
from weightscape.spectra import large, weightwatcher
from weightscape.spectra.large import Large
from weightscape.spectra.matrices import Part
from weightscape.spectra.rounding import rounding_of_update, rounding_of_weights
from weightscape.spectra.row import ZEROS, Row, Unmeasurable, Weights, identity, terms
from weightscape.spectra.settings import SpectraSettings

STATUS = "estimated: side {side} is above estimate_above = {limit}"
NO_TAIL = "not estimated: a tail needs all eigenvalues"
METHOD = f"Lanczos quadrature ({large.PROBES} probes of {large.STEPS} steps) above side {{limit}}"
"""For records."""


def is_estimated(part: Part, settings: SpectraSettings) -> bool:
    """Whether a matrix is too large to be decomposed."""
    return part.status == "ok" and part.smaller > settings.estimate_above


def methods(parts: Iterable[Part], settings: SpectraSettings) -> list[str]:
    """The method for records, if any part is estimated."""
    some = any(is_estimated(part, settings) for part in parts)
    return [METHOD.format(limit=settings.estimate_above)] if some else []


def row_of(part: Part, matrix: str, weights: Weights, settings: SpectraSettings) -> Row:
    """The row of one matrix; raises `Unmeasurable`."""
    sides = terms(part, matrix, weights)
    matrices = [Large(*slices) for slices in zip(*sides, strict=True)]
    exponent = large.exponent_of(matrices)
    matrices = [Large(each.first, each.minus, exponent) for each in matrices]
    row = identity(part, matrix) | {
        "status": "; ".join(
            [STATUS.format(side=part.smaller, limit=settings.estimate_above), *filter(None, [part.remark])]
        ),
        "alpha_status": NO_TAIL,
        "num_evals": part.slices * part.smaller,
        "rounding": rounding_of_update(*sides) if len(sides) == 2 else rounding_of_weights(sides[0]),
    }
    if not any(block.any() for each in matrices for block in each.blocks()):
        return row | {"status": ZEROS} | dict.fromkeys(("norm", "spectral_norm", "matrix_rank", "sv_max"), 0.0)
    found = large.sums(matrices, generator(settings.seed, "spectra-estimate", f"{matrix}/{part.name}"))
    return row | _columns(found, exponent, weightwatcher.scale(part.kind), part)


def _columns(found: large.Sums, exponent: int, factor: float, part: Part) -> Row:
    """The columns of estimates; refuses norms that are no numbers of float64."""
    with np.errstate(over="ignore", under="ignore"):
        norm, top, error = (
            factor * float(np.ldexp(value, 2 * exponent))
            for value in (found.total, found.largest.value, found.largest.error)
        )
    if not 0 < norm < math.inf or not top:
        raise Unmeasurable(f"squares of the entries of {part.key} leave float64")
    stable, rank = found.total / found.largest.value, math.exp(found.entropy.value)
    return {
        "norm": norm,
        "log_norm": math.log10(norm),
        "spectral_norm": top,
        "spectral_norm_error": error,
        "log_spectral_norm": math.log10(top),
        "sv_max": math.sqrt(top),
        "stable_rank": stable,
        "log_stable_rank": math.log10(stable),
        "effective_rank": rank,
        "effective_rank_error": rank * found.entropy.error,
        "participation_ratio": 1 / found.squares.value,
        "participation_ratio_error": found.squares.error / found.squares.value**2,
    }
