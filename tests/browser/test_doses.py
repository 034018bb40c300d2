"""Doses in the explorer: a baseline whose number is not 0, and its effect, which is 0 by definition."""

import pytest

from browser.conftest import write_page
from unit.figures import made_tables

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    tables = made_tables.study(layers=2, families=("augment", "steps"))
    return write_page(tmp_path_factory.mktemp("doses"), tables)


def words(page) -> str:
    return page.locator("#explorer-words").inner_text()


def test_a_baseline_is_a_reference_and_stands_in_its_place(open_page, file):
    page = open_page("#explore&family=steps&dose=baseline", file=file)
    assert "all hidden layers (mean): 0 by definition: the reference, n = 6 runs." in words(page)
    labels = page.locator("#choose-dose option").all_inner_texts()
    assert labels == ["fewer (0.5)", "baseline (1)", "more (1.5)"]
    page = open_page("#explore&family=augment&dose=baseline&layer=classifier%2Fweight", file=file)
    assert "0 by definition: the reference, n = 6 runs." in words(page)
    assert page.locator("#choose-dose option").first.inner_text() == "baseline"


def test_a_destructive_dose_is_named_with_its_reason(open_page):
    page = open_page("#explore&family=label_noise&dose=fifth")
    assert page.locator("#choose-dose option").last.inner_text() == "fifth (0.2) \N{DAGGER} destructive"
    assert "destroys accuracy or labels: validation accuracy 6.1 points below baseline." in words(page)
    assert page.faults == []
