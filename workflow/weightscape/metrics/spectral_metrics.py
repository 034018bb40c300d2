"""The spectral metrics that are analysed: their units, and which of them the figures of several metrics draw.

`spectra/columns.py` defines each as a column of the table of spectra; `config.yaml` chooses among them.
"""

from weightscape import words

METRICS = {
    "log_norm": "log10",
    "log_spectral_norm": "log10",
    "alpha": "exponent",
    "entropy": "share of its maximum",
    "log_stable_rank": "log10",
}
"""The unit of each metric's effects."""
PRIMARY = "log_norm"
"""The metric of the figures and sheets of one metric."""
NORMS = ("log_norm", "log_spectral_norm")
IN_FIGURES = (*NORMS, "alpha", "entropy")
PUBLISHED = ("alpha", "entropy", "log_norm", "log_spectral_norm")
"""The metrics of the published study, in its order."""


def unit(name: str) -> str:
    """The unit of a metric's effects; empty for a column that is not among METRICS."""
    return METRICS.get(name, "")


def title(name: str) -> str:
    """A metric as figures write it."""
    return words.metric(name).replace("log10", "log\u2081\u2080")
