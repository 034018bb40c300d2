"""The spectral metrics that are analysed: their units, and which of them the figures of several metrics draw.

`spectra/columns.py` defines each as a column of the table of spectra; `config.yaml` chooses among them.
"""

from dataclasses import dataclass

from weightscape import words


@dataclass(frozen=True)
class SpectralMetric:
    """One metric: its column, the unit of its effects, and whether figures of several metrics draw it."""

    name: str
    unit: str
    in_figures: bool = True

    @property
    def title(self) -> str:
        """The metric in words, as figures write it."""
        return words.metric(self.name).replace("log10", "log\u2081\u2080")


_ROWS = (
    SpectralMetric("log_norm", "log10"),
    SpectralMetric("log_spectral_norm", "log10"),
    SpectralMetric("alpha", "exponent"),
    SpectralMetric("entropy", "share of its maximum"),
    SpectralMetric("stable_rank", "rank", in_figures=False),
)
METRICS = {metric.name: metric for metric in _ROWS}
PRIMARY = "log_norm"
"""The metric of the figures and sheets of one metric."""
NORMS = ("log_norm", "log_spectral_norm")
IN_FIGURES = tuple(metric.name for metric in _ROWS if metric.in_figures)
PUBLISHED = ("alpha", "entropy", "log_norm", "log_spectral_norm")
"""The metrics of the published study, in its order."""


def unit(name: str) -> str:
    """The unit of a metric's effects; empty for a column that is not among METRICS."""
    return METRICS[name].unit if name in METRICS else ""


def title(name: str) -> str:
    """A metric as figures write it."""
    return METRICS[name].title if name in METRICS else words.metric(name)
