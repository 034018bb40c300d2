"""Figures of published tables: no words overlap, whatever the tables, and empty ones say so."""

import matplotlib as mpl
import pytest

import unit.published.made_folders as made
from unit.figures import legible
from weightscape.figures.parts import style
from weightscape.published import analysis, conditions, settings
from weightscape.published.figures import FIGURES
from weightscape.published.style import looks_of

PATTERNS = ("{dataset}/{condition}.after.csv", "{dataset}/{condition}.before.csv")
CASES = {
    "one data set": {"cats": [1, 2, 3]},
    "several, many layers": {"cats": list(range(60)), "dogs": list(range(50)), "stanford_cars": list(range(58))},
    "the head alone": {"cats": [7]},
}


@pytest.fixture(scope="module", params=CASES)
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> analysis.Results:
    folder = tmp_path_factory.mktemp("tables")
    made.write(folder, made.tables(CASES[request.param]), lambda d, c, role: f"{d}/{c}.{role}.csv")
    return analysis.analyse(folder, conditions.parse(made.content(*PATTERNS)), made.OPTIONS)[0]


@pytest.mark.parametrize("name", FIGURES)
def test_no_words_overlap_or_leave_the_page(results: analysis.Results, name: str) -> None:
    with mpl.rc_context(style.RC):
        figure = FIGURES[name](vars(results), looks_of(conditions.parse(made.content(*PATTERNS))))
        assert legible.faults(figure) == []
    assert figure.get_size_inches()[0] in (style.COLUMN, style.PAGE)


def test_the_figures_are_those_that_the_workflow_expects() -> None:
    assert tuple(FIGURES) == settings.FIGURES


def test_families_look_as_the_groups_of_their_conditions() -> None:
    groups = {"dropout": ["d.1", "d.5"], "augment": ["m1", "m2", "m3"], "sharpness": ["w1e-4"]}
    found = looks_of(conditions.parse(made.content(*PATTERNS, groups=groups)))
    assert found["mix"].color == style.LOOKS["augment"].color and found["mix"].title == "mix"
    assert found["dropout"] == style.LOOKS["dropout"] and found["decay"].color == found["sharpness"].color
