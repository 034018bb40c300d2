"""Destructive conditions bear a dagger that is explained, in the figures and the explorer; none without the table."""

import importlib

import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from unit.figures import legible, made_tables
from weightscape.figures.id_against_ood import RING, RINGED
from weightscape.figures.parts.marks import DAGGER, WORDS
from weightscape.report import explorer

pytestmark = pytest.mark.slow

MARKED = {
    "accuracy_by_dose": "0.2",
    "effect_by_dose": "0.2",
    "diversity_by_dose": "0.2",
    "layer_effects": "fifth",
    "reliability": "fifth",
    "aa_null": "label noise",
}


@pytest.fixture(scope="module")
def tables() -> dict:
    return made_tables.study(layers=2, families=("augment", "label_noise"))


def drawn(name: str, tables: dict) -> Figure:
    return importlib.import_module(f"weightscape.figures.{name}").draw(tables)


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text)]


@pytest.mark.parametrize("name", MARKED)
def test_a_destructive_dose_bears_a_dagger_and_others_none(name, tables):
    figure = drawn(name, tables)
    assert legible.faults(figure) == []
    found = words(figure)
    marked = {word for word in found if DAGGER in word and WORDS not in word}
    assert marked and all(MARKED[name] + DAGGER in word for word in marked)
    assert sum(WORDS in word for word in found) == 1
    unknown = {key: table for key, table in tables.items() if key != "conditions"}
    assert not any(DAGGER in word for word in words(drawn(name, unknown)))


SCATTERED = {
    "effect_against_change": 4,  # panels with the one destructive condition
    "diversity_against_ood": 4,
    "diversity_spaces": 1,
    "synthetic_share": 3,
}


@pytest.fixture(scope="module")
def scattered() -> dict:
    return made_tables.study(layers=2, families=("augment", "synthetic_add", "real_add"))


@pytest.mark.parametrize("name", SCATTERED)
def test_the_mark_of_a_destructive_condition_has_a_dagger_beside_it(name, scattered):
    conditions = scattered["conditions"]
    harm = (conditions["family"] == "synthetic_add") & (conditions["number"] == 1)
    assert harm.sum() == 1
    figure = drawn(name, scattered | {"conditions": conditions.assign(destructive=harm)})
    assert legible.faults(figure) == []
    found = words(figure)
    assert found.count(DAGGER) == SCATTERED[name]
    assert sum(WORDS in word for word in found) == 1
    unharmed = drawn(name, scattered | {"conditions": conditions.assign(destructive=False)})
    assert not any(DAGGER in word for word in words(unharmed))


def test_single_runs_of_a_destructive_condition_are_ringed_and_the_ring_is_explained(tables):
    figure = drawn("id_against_ood", tables)
    assert legible.faults(figure) == []
    rings = [line for line in figure.findobj(Line2D) if line.get_markersize() == RING and len(line.get_xdata())]
    assert [len(line.get_xdata()) for line in rings] == [3] * 4  # seeds, in each panel
    assert RINGED in figure.subfigs[0].legends[0].get_title().get_text()


def test_the_explorer_knows_the_reason(tables):
    index = explorer.blocks(tables)["index"]
    ((setup, place, reason),) = index["destructive"]
    assert (setup, index["conditions"][place][:2]) == (0, ["label_noise", "fifth"])
    assert reason == "validation accuracy 6.1 points below baseline"
    assert explorer.blocks(tables | {"conditions": tables["conditions"].head(0)})["index"]["destructive"] == []
