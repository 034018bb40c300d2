"""What the spectral engine computes, and with which constants."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from weightscape.errors import UserError


@dataclass(frozen=True)
class SpectraSettings:
    """Choices of the engine; the costly parts are switched here, and their columns are NaN when off."""

    seed: int = 0
    """names the random streams of null, interval and goodness of fit"""
    mp_fit: bool = True
    """WeightWatcher's fit of the Marchenko-Pastur law (`sigma_mp` to `mp_softrank`)"""
    overlaps: bool = True
    """overlaps of the leading singular vectors of `delta` with those of `before` and `after`"""
    overlap_vectors: int = 10
    """how many leading vectors; fewer for smaller matrices"""
    spacing: bool = True
    """mean ratio of consecutive level spacings"""
    null: bool = False
    """spectrum of the matrix with its entries permuted"""
    tail_minimum: int = 20
    """fewest eigenvalues in the tail of `tail_alpha`"""
    interval: bool = False
    """bootstrap interval of `tail_alpha`"""
    interval_draws: int = 200
    interval_level: float = 0.95
    goodness: bool = False
    """goodness-of-fit p-value of the power law (as if eigenvalues were independent)"""
    goodness_draws: int = 200
    alternatives: bool = False
    """truncated power law, lognormal and exponential against the power law, on the tail of `tail_alpha`"""
    farms: bool = False
    """Hill exponent of pooled sub-matrices of one fixed shape"""
    farms_side: int = 64
    """smaller side of the window"""
    farms_aspect: float = 1.0
    """larger side of the window over the smaller one"""
    farms_stride: int = 64
    """step of the window along both axes"""
    memory_limit: int = 8 * 2**30
    """bytes of float64 work space above which a tensor is not measured but gets a status"""

    def __post_init__(self) -> None:
        _require("overlap_vectors", self.overlap_vectors, self.overlap_vectors >= 1, "at least 1")
        _require("tail_minimum", self.tail_minimum, self.tail_minimum >= 2, "at least 2")
        _require("interval_draws", self.interval_draws, self.interval_draws >= 20, "at least 20")
        _require("interval_level", self.interval_level, 0 < self.interval_level < 1, "in (0, 1)")
        _require("goodness_draws", self.goodness_draws, self.goodness_draws >= 20, "at least 20")
        _require("farms_side", self.farms_side, self.farms_side >= 2, "at least 2")
        _require("farms_aspect", self.farms_aspect, self.farms_aspect >= 1, "at least 1")
        _require("farms_stride", self.farms_stride, self.farms_stride >= 1, "at least 1")
        _require("memory_limit", self.memory_limit, self.memory_limit > 0, "above 0")

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "SpectraSettings":
        """Settings from the block `spectra` of a config."""
        known = {field.name for field in fields(cls)}
        for name in values:
            if name not in known:
                raise UserError(f"spectra.{name} is not a setting: use one of {', '.join(sorted(known))}")
        return cls(**values)


def _require(name: str, value: object, holds: bool, allowed: str) -> None:
    if not holds:
        raise UserError(f"spectra.{name} must be {allowed}, got {value!r}: change it")
