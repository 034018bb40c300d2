"""Powers of ten are plain words, as formulas cost time and a font."""

import importlib

import pytest
from matplotlib.text import Text

from unit.figures import made_tables
from weightscape.figures.parts.axes import power_of_ten

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0, "0"),
        (1.0, "10⁰"),
        (1e-3, "10⁻³"),
        (-1e-2, "\u221210⁻²"),
        (3e12, "3 \u00d7 10¹²"),
        (-300.0, "\u22123 \u00d7 10²"),
    ],
)
def test_powers_are_written_with_raised_digits(value, words):
    assert power_of_ten(value) == words


@pytest.mark.parametrize("name", ["esd", "effect_by_dose"])
def test_no_word_of_a_figure_is_a_formula(name):
    tables = made_tables.study(layers=2, families=("augment", "weight_decay"))
    figure = importlib.import_module(f"weightscape.figures.{name}").draw(tables)
    figure.draw_without_rendering()
    assert not [text for text in figure.findobj(Text) if "$" in text.get_text()]
