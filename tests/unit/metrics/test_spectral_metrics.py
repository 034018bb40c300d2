"""The table of spectral metrics, and what must agree with it."""

import pytest

from weightscape import words
from weightscape.metrics.spectral_metrics import IN_FIGURES, METRICS, NORMS, PUBLISHED, title, unit
from weightscape.project import DEFAULT_CONFIG
from weightscape.spectra.columns import COLUMNS
from weightscape.study.config import load


def test_the_config_analyses_metrics_of_the_table_in_its_order():
    analysed = load(DEFAULT_CONFIG, None)["analyse"]["metrics"]
    assert analysed == [name for name in METRICS if name in analysed] and {*IN_FIGURES} <= {*analysed}


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_is_a_column_of_the_spectra_with_a_name_in_words_and_a_unit(name: str):
    assert name in COLUMNS and name in words.METRICS
    assert unit(name) and "log10" not in title(name)


def test_norms_and_published_metrics_are_among_those_that_figures_draw():
    assert {*NORMS, *PUBLISHED} <= set(IN_FIGURES)
    assert {unit(name) for name in NORMS} == {"log10"}
