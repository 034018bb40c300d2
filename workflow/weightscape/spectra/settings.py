"""Settings of the stages `spectra_before` and `spectra`; `config.yaml` has their values, its schema their ranges."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SpectraSettings:
    """Choices of the engine; the costly parts are switched here, and their columns are NaN when off."""

    seed: int  # names the random streams of null, interval and goodness of fit
    mp_fit: bool  # WeightWatcher's fit of the Marchenko-Pastur law (`sigma_mp` to `mp_softrank`)
    overlaps: bool  # overlaps of the leading singular vectors of `delta` with those of `before` and `after`
    overlap_vectors: int  # how many leading vectors; fewer for smaller matrices
    spacing: bool  # mean ratio of consecutive level spacings
    null: bool  # spectrum of the matrix with its entries permuted
    tail_minimum: int  # fewest eigenvalues in the tail of `tail_alpha`
    interval: bool  # bootstrap interval of `tail_alpha`
    interval_draws: int
    interval_level: float
    goodness: bool  # goodness-of-fit p-value of the power law (as if eigenvalues were independent)
    goodness_draws: int
    alternatives: (
        bool  # truncated power law, lognormal and exponential against the power law, on the tail of `tail_alpha`
    )
    farms: bool  # Hill exponent of pooled sub-matrices of one fixed shape
    farms_side: int  # smaller side of the window
    farms_aspect: float  # larger side of the window over the smaller one
    farms_stride: int  # step of the window along both axes
    memory_limit: int  # bytes of float64 work space above which a tensor is not measured but gets a status
    estimate_above: int  # smaller side of a matrix above which it is estimated and not decomposed
