"""The report's page in a real browser, offline: what a person would do with it."""

import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from browser.conftest import write_page

pytestmark = pytest.mark.browser
SCREENS = Path(__file__).parent / "screens"


def spectrum(page) -> str:
    return page.locator("#chart-spectrum svg").inner_html()


def choose(page, key: str, value: str) -> None:
    """Choose in a list, and wait until all panels have followed."""
    page.locator(f"#choose-{key}").select_option(value)
    page.wait_for_function(
        "value => decodeURIComponent(document.getElementById('explorer').dataset.state).includes(value)",
        arg=f"{key}={value}",
    )


def test_the_page_loads_without_a_word_from_the_console_or_a_request(open_page):
    page = open_page()
    for family in ("augment", "weight_decay", "synthetic_add"):
        choose(page, "family", family)
    assert page.faults == []
    assert page.locator("#explorer svg").count() >= 5


def test_choosing_a_layer_changes_the_spectrum_and_the_effect_curve(open_page):
    page = open_page()
    choose(page, "layer", "blocks.0.1.conv_pw_3/weight")
    first = spectrum(page), page.locator("#chart-effect svg").inner_html()
    choose(page, "layer", "blocks.1.0.conv_pwl_11/weight")
    assert spectrum(page) != first[0]
    assert page.locator("#chart-effect svg").inner_html() != first[1]
    assert "blocks.1.0.conv_pwl_11" in page.locator("#note-spectrum").inner_text()


def test_spectra_are_densities_whatever_the_width_of_their_bins(open_page):
    page = open_page()
    areas = [area(path.get_attribute("d")) for path in page.locator("#chart-spectrum .mark-line path").all()]
    assert len(areas) == 3 and min(areas) > 0
    assert max(areas) == pytest.approx(min(areas), rel=0.02)


def area(steps: str) -> float:
    """Square pixels under a line of steps above its lowest point; the axis is logarithmic, as the density is."""
    points = np.array([[float(number) for number in pair.split(",")] for pair in re.findall(r"[\d.-]+,[\d.-]+", steps)])
    x, y = points.T
    return float(np.sum(np.diff(x) * (y.max() - y[:-1])))


def test_a_chosen_layer_keeps_the_doses_in_order_on_their_axis(open_page):
    page = open_page("#explore&family=weight_decay&layer=blocks.0.1.conv_pw_3%2Fweight")
    words = page.locator("#chart-effect svg .mark-text text").all_text_contents()
    assert any(word.startswith("dose of weight decay") for word in words)
    doses = [dose for word in words for dose in ("baseline", "weak", "medium", "strong") if word.startswith(dose)]
    assert doses == ["baseline", "weak", "medium", "strong"]


def test_every_label_of_an_outcome_fits_its_chart(open_page):
    page = open_page()
    for outcome in page.locator("#choose-outcome option").evaluate_all("all => all.map((part) => part.value)"):
        choose(page, "outcome", outcome)
        svg = page.locator("#chart-outcome svg").bounding_box()
        for label in page.locator("#chart-outcome svg .role-axis-title text").all():
            box = label.bounding_box()
            assert svg["y"] <= box["y"] and box["y"] + box["height"] <= svg["y"] + svg["height"], outcome


def test_a_click_on_a_layer_and_on_a_dose_chooses_them(open_page):
    page = open_page("#explore&family=dropout&dose=weak")
    page.locator("#chart-layers .mark-symbol path").nth(4).click()
    page.wait_for_function("document.getElementById('choose-layer').value !== 'hidden'")
    page.locator("#chart-outcome .mark-symbol path[aria-label*='strong']").last.click()
    page.wait_for_function("document.getElementById('choose-dose').value === 'strong'")


def test_the_link_restores_the_state(open_page):
    page = open_page()
    for key, value in {"family": "dropout", "dose": "medium", "metric": "alpha", "outcome": "ood"}.items():
        choose(page, key, value)
    words, link = page.locator("#explorer-words").inner_text(), page.locator("#state-link").get_attribute("href")
    again = open_page(link)
    assert again.locator("#explorer-words").inner_text() == words
    assert again.locator("#choose-outcome").input_value() == "ood"
    assert page.url.endswith(link)


def test_a_link_to_what_this_study_has_not_falls_back_to_what_it_has(open_page):
    page = open_page("#explore&family=magic&dose=huge&layer=none&metric=alpha")
    assert page.locator("#choose-family").input_value() == "augment"
    assert page.locator("#choose-metric").input_value() == "alpha"
    assert page.faults == []


def test_the_words_agree_with_the_tables(open_page, tables):
    page = open_page("#explore&family=weight_decay&dose=strong&metric=log_norm&source=change&layer=hidden&outcome=test")
    rows = tables["run_effects"].query(
        "family == 'weight_decay' and dose == 'strong' and metric == 'log_norm' and source == 'change'"
    )
    effect = rows.loc[rows["role"] == "hidden", "effect_mean"].mean()
    runs = tables["evaluation"].query("family == 'weight_decay' and dose == 'strong' and split == 'test'")
    words = page.locator("#explorer-words").inner_text().replace("\N{MINUS SIGN}", "-")
    assert f"{float(f'{effect:.4g}'):g}" in words and "n = 3 runs, against 6 of the baseline" in words
    assert f"Test accuracy (%): {100 * runs.accuracy.mean():.1f} (interval" in words  # to the digits of its interval


def test_hovering_shows_the_run_n_and_the_interval(open_page):
    page = open_page("#explore&family=dropout&dose=strong")
    page.locator("#chart-outcome .mark-symbol path[aria-label*='dropout, strong']").last.hover()
    tooltip = page.locator("#vg-tooltip-element")
    tooltip.wait_for(state="visible")
    text = tooltip.inner_text()
    assert "dropout, strong" in text and "interval" in text and "3 runs" in text


def test_the_csv_downloads_and_equals_the_table(open_page, tables):
    page = open_page()
    for name in ("evaluation", "claims"):
        with page.expect_download() as waited:
            page.locator(f"a[download^='{name}.csv']").last.click()
        content = Path(waited.value.path()).read_bytes()
        kind = "gzip" if waited.value.suggested_filename.endswith(".gz") else None
        table = pd.read_csv(io.BytesIO(content), compression=kind, keep_default_na=True)
        # A csv file does not tell an empty text from nothing.
        expected = tables[name].reset_index(drop=True).replace("", float("nan"))
        pd.testing.assert_frame_equal(table, expected, check_dtype=False)


@pytest.mark.parametrize("width", [400, 1000, 1600])
def test_nothing_overlaps_or_overflows(open_page, width):
    page = open_page(width=width)
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    boxes = page.locator(".chart").evaluate_all("all => all.map((part) => part.getBoundingClientRect().toJSON())")
    for i, one in enumerate(boxes):
        assert one["left"] >= 0 and one["right"] <= width
        for other in boxes[i + 1 :]:
            apart = one["right"] <= other["left"] or other["right"] <= one["left"]
            assert apart or one["bottom"] <= other["top"] or other["bottom"] <= one["top"]
    inside = page.locator(".canvas").evaluate_all(
        "all => all.every((part) => [...part.querySelectorAll('svg, img')].every("
        "(child) => child.getBoundingClientRect().right <= part.getBoundingClientRect().right + 1))"
    )
    assert inside


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(open_page, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page = open_page(scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    found = Axe().run(page).response["violations"]
    serious = [
        (fault["id"], [node["html"][:160] for node in fault["nodes"]][:3])
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]
    assert serious == []


def test_a_keyboard_is_enough(open_page):
    page = open_page()
    page.locator("#choose-family").focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_function("document.getElementById('explorer').dataset.state.includes('family=noise')")
    page.locator("#claim-C1 summary").focus()
    page.keyboard.press("Enter")
    assert page.locator("#claim-C1 table").first.is_visible()


def test_without_javascript_the_page_can_be_read(open_page):
    page = open_page(script=False)
    assert page.locator("#explorer").is_hidden()
    assert "needs JavaScript" in page.locator("noscript").inner_text()
    assert page.locator("#claim-C1 summary").is_visible() and page.locator("figure img").first.is_visible()


def test_an_empty_study_says_so(open_page, tables, tmp_path, browser):
    file = write_page(tmp_path, {name: table.head(0) for name, table in tables.items()})
    page = browser.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(file.as_uri())
    text = page.locator("main").inner_text()
    assert "No run of this study is finished" in text and "The claims were not tested" in text
    assert errors == []
    page.close()


@pytest.mark.parametrize("width", [400, 1000, 1600])
def test_the_explorer_looks_as_it_did(open_page, width):
    """Loosely: blurred and grey, since fonts differ between machines; a new picture is kept where none is."""
    page = open_page("#explore&family=weight_decay&dose=strong&metric=log_norm", width=width)
    shot = Image.open(io.BytesIO(page.locator("#explorer .charts").screenshot())).convert("L")
    small = shot.resize((160, 160), Image.Resampling.BOX)
    kept = SCREENS / f"explorer-{width}.png"
    assert kept.is_file(), f"keep a picture first: {write_screen(kept, small)}"
    difference = np.abs(np.asarray(small, float) - np.asarray(Image.open(kept), float))
    assert difference.mean() < 8


def write_screen(path: Path, picture: Image.Image) -> Path:
    path.parent.mkdir(exist_ok=True)
    picture.save(path, optimize=True)
    return path
