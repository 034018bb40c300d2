"""The words of charts for screen readers, lines that lie outside of an axis, and dark charts on paper."""

import pytest

from browser.conftest import write_page
from unit.figures import made_tables

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    tables = made_tables.study(layers=2, families=("augment",))
    esd = tables["esd"].assign(mp_lower=1e-9)
    return write_page(tmp_path_factory.mktemp("words"), {**tables, "esd": esd})


def test_marks_are_named_in_words(open_page, file):
    page = open_page("#explore&family=augment&dose=weak&outcome=test", file=file)
    said = page.locator("#chart-outcome svg [aria-label]").evaluate_all("all => all.map((part) => part.ariaLabel)")
    assert not any("|" in words for words in said)
    assert any(words.startswith("augment, weak: ") and words.endswith("n = 3 runs") for words in said)


def test_an_edge_outside_of_the_axis_is_told_and_not_drawn_at_its_end(open_page, file):
    page = open_page(file=file)
    edges = page.locator("#chart-spectrum svg [aria-label*=Marchenko]").evaluate_all(
        "all => all.map((part) => part.ariaLabel)"
    )
    assert edges == ["upper edge of the Marchenko-Pastur law"]
    told = page.locator("#beyond-spectrum").inner_text()
    assert (
        told == "The lower edge of the Marchenko-Pastur law, 1.0 \N{MULTIPLICATION SIGN} 10⁻⁹, lies left of the axis."
    )


def test_charts_of_a_dark_page_print_dark_on_white(open_page, file):
    page = open_page(file=file, scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert "invert" in page.evaluate("getComputedStyle(document.querySelector('#chart-effect svg')).filter")
