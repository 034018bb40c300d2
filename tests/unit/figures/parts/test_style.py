"""The numbers behind the figures, against formulas written out or against theory."""

import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from matplotlib.text import Text

from unit.figures import made_tables
from weightscape.figures import (
    diversity_by_dose,
    esd,
    family_similarity,
    layer_effects,
    seen_samples,
    synthetic_samples,
)
from weightscape.figures.parts import axes, dose_grid, pictures, style
from weightscape.metrics.summaries import strongest
from weightscape.report import claims as page_claims
from weightscape.spectra import marchenko_pastur
from weightscape.words import signed

pytestmark = pytest.mark.slow


def test_the_law_drawn_from_its_edges_is_the_law_of_the_ratio_and_variance():
    lower, upper = marchenko_pastur.edges(400, 100, 0.3)
    x = np.geomspace(lower, upper, 20001)
    density = esd.law(x, lower, upper)
    steps = np.diff(x) * (density[1:] + density[:-1]) / 2
    expected = marchenko_pastur.cumulative(x / (400 * 0.3), 0.25)
    np.testing.assert_allclose(np.cumsum(steps), expected[1:], atol=1e-4)


def test_the_law_fits_the_eigenvalues_of_noise():
    rng = np.random.default_rng(0)
    values = np.linalg.svd(rng.normal(0, 0.5, (1200, 300)), compute_uv=False) ** 2
    lower, upper = marchenko_pastur.edges(1200, 300, 0.25)
    density, bins = np.histogram(values, np.linspace(lower, upper, 11), density=True)
    middle = (bins[1:] + bins[:-1]) / 2
    np.testing.assert_allclose(density[1:-1], esd.law(middle, lower, upper)[1:-1], rtol=0.15)


def test_the_strongest_dose_is_the_farthest_from_the_baseline():
    runs = made_tables.conditions(1)
    top = strongest(runs).set_index("family")["dose"]
    assert top["weight_decay"] == "strong"
    assert top["synthetic_replace"] == "all"
    assert len(top) == 7


def test_no_two_families_share_colour_or_marker_and_all_stand_out_on_white():
    looks = list(style.LOOKS.values())
    assert len({look.color for look in looks}) == len({look.marker for look in looks}) == len(looks)
    assert min(contrast(look.color, "#ffffff") for look in looks) > 2.9


@pytest.mark.parametrize("kind", ["protan", "deutan"])
def test_families_look_different_to_the_colour_blind(kind):
    """Distance in CIE Lab after the dichromat simulation of Vienot et al. (1999); 2.3 is just noticeable."""
    labs = [lab(dichromat(style.rgb(look.color), kind)) for look in style.LOOKS.values()]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(labs, 2)) > 8


VIENOT = {
    "protan": [[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]],
    "deutan": [[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]],
}
XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]


def linear(rgb: np.ndarray) -> np.ndarray:
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def dichromat(rgb: np.ndarray, kind: str) -> np.ndarray:
    """Linear light as a dichromat sees it."""
    return np.clip(np.array(VIENOT[kind]) @ linear(rgb), 0, 1)


def lab(light: np.ndarray) -> np.ndarray:
    x, y, z = np.cbrt(np.maximum(np.array(XYZ) @ light / [0.9505, 1.0, 1.089], 1e-4))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def contrast(one: str, other: str) -> float:
    """Contrast ratio of WCAG 2."""
    light = sorted(float(np.dot([0.2126, 0.7152, 0.0722], linear(style.rgb(color)))) for color in (one, other))
    return (light[1] + 0.05) / (light[0] + 0.05)


def test_whiskers_reach_from_the_least_to_the_greatest_score_over_row_orders():
    diversity = made_tables.study()["diversity"]
    part = diversity_by_dose.chosen(diversity)
    rows = diversity_by_dose.rows_of(part)
    assert [row.ends is not None for row in rows] == ["weighted" in row.name for row in rows]
    assert not any("permuted" in row.name for row in rows)
    figure = diversity_by_dose.draw({"diversity": diversity})
    at = next(index for index, row in enumerate(rows) if row.name == "weighted.score.published pixels")
    families = style.ordered(part["family"])
    axis = figure.subfigs[0].axes[at]
    lines = [each for each in axis.collections if isinstance(each, LineCollection)]
    drawn = [ends for each in lines for ends in each.get_segments() if len(ends) == 2]
    own = diversity[(diversity["family"] == families[0]) & (diversity["space"] == "pixels")]
    for dose in own["dose"].unique():
        of = own[own["dose"] == dose].groupby("measure")["value"].mean()
        low, high = of["weighted.score.permuted_min"], of["weighted.score.permuted_max"]
        assert any(np.allclose(ends[:, 1], [low, high]) for ends in drawn), dose


def test_on_a_logarithmic_dose_axis_zero_stands_one_decade_below_the_smallest():
    np.testing.assert_allclose(dose_grid.positions("weight_decay", np.array([0, 0.01, 1.0])), [-3, -2, 0])
    np.testing.assert_array_equal(dose_grid.positions("dropout", np.array([0, 0.5])), [0, 0.5])


def test_crowded_ticks_are_left_out_but_never_the_strongest_dose():
    kept = axes.apart(np.array([0.0, 0.01, 0.5, 0.95, 1.0]))
    assert list(kept) == [1, 2, 4]
    assert list(axes.apart(np.array([3.0]))) == [0]


def test_similarity_is_symmetric_and_bold_where_its_interval_excludes_zero():
    rows = pd.DataFrame(
        [("augment", "dropout", 0.5, 0.1, 0.9), ("noise", "augment", -0.2, -0.6, 0.3), ("noise", "noise", 0.7, 0.4, 1)],
        columns=["family", "other", "cosine", "low", "high"],
    )
    values, clear = family_similarity.matrices(rows, ["augment", "noise", "dropout"])
    np.testing.assert_array_equal(values, [[np.nan, -0.2, 0.5], [-0.2, 0.7, np.nan], [0.5, np.nan, np.nan]])
    np.testing.assert_array_equal(clear, [[False, False, True], [False, True, False], [True, False, False]])


def test_a_family_whose_profile_has_no_direction_says_so():
    tables = made_tables.study(layers=3)
    noisy = tables["similarity"].assign(corrected=np.nan, low=np.nan, high=np.nan)
    figure = family_similarity.draw({**tables, "similarity": noisy})
    words = [text.get_text() for text in figure.findobj(Text)]
    assert words.count(family_similarity.NOISE) == 2 * (len(made_tables.DOSES) - 1)
    assert words.count("itself") == 2


def test_arrows_say_where_an_interval_leaves_the_axis():
    tables = made_tables.study(layers=3, families=("augment", "dropout", "weight_decay"))
    wide = tables["similarity"].assign(corrected=0.5, low=-9.0, high=0.9)
    lines = family_similarity.draw({**tables, "similarity": wide}).findobj(Line2D)
    arrows = [line for line in lines if line.get_marker() == "<" and list(line.get_xdata()) == [-1.5]]
    assert len(arrows) == 4  # two families beside each of two regularisers
    assert not [line for line in lines if line.get_marker() == ">" and list(line.get_xdata()) == [1.5]]


def test_synthetic_images_stand_with_the_vendi_scores_of_their_doses():
    tables = made_tables.study(layers=1)
    scores = seen_samples.vendi(tables["diversity"]).set_index(["family", "dose"])["mean"]
    figure = synthetic_samples.draw(tables)
    assert f"half {scores['synthetic_replace', 'half']:.1f}, all" in figure.subfigs[0].get_supxlabel()


def test_rows_of_layers_fit_a_page_whatever_the_number_of_families():
    effects = made_tables.study(seeds=1, layers=2, families=(*made_tables.DOSES, "a", "b", "c", "d", "e"))["effects"]
    assert layer_effects.draw({"effects": effects}).get_size_inches()[1] <= 9.5


def test_a_montage_places_each_image_by_row_and_rank():
    images = [np.full((1, 2, 2), value, np.uint8) for value in (10, 20, 30)]
    table = pd.DataFrame({"label": [0, 0, 1], "position": [5, 2, 0], "channels": 1, "height": 2, "width": 2})
    sheet = pictures.montage(table.assign(pixels=[image.tobytes() for image in images]), "label", "position")
    assert sheet.shape == (5, 5, 3)
    assert [sheet[0, 0, 0], sheet[0, 3, 0], sheet[3, 0, 0], sheet[3, 3, 0]] == [20, 10, 30, 255]


def test_a_montage_keeps_colours():
    image = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
    table = pd.DataFrame({"label": [0], "position": [0], "channels": [3], "height": [2], "width": [2]})
    sheet = pictures.montage(table.assign(pixels=[image.tobytes()]), "label", "position")
    np.testing.assert_array_equal(sheet, image.transpose(1, 2, 0))


def test_strips_follow_the_doses_of_each_family():
    tables = made_tables.study(layers=2)
    changed = tables["samples"][tables["samples"]["kind"] != "synthetic"]
    strips = seen_samples.strips(changed, seen_samples.vendi(tables["diversity"]))
    doses = [*strips[["family", "dose"]].itertuples(index=False, name=None)]
    assert doses == [("augment", dose) for dose in ("weak", "medium", "strong")] + [
        ("noise", dose) for dose in ("weak", "strong")
    ]


def test_minus_signs_are_typographic_and_zero_has_none():
    assert signed(-0.5, 1) == "\N{MINUS SIGN}0.5"
    assert signed(-0.001, 2) == "0.00"


def test_an_estimate_has_four_digits_at_most_and_its_interval_as_many_decimals():
    assert page_claims.rounded([-0.247243, -0.247669, -0.246818]) == ["\u22120.2472", "\u22120.2477", "\u22120.2468"]
    assert page_claims.rounded([0.0382, 0.0191, 0.0573]) == ["0.038", "0.019", "0.057"]
    assert page_claims.rounded([12345.6, 12345.1, 12346.0]) == ["12346", "12345", "12346"]


def test_a_p_value_that_rests_on_far_tails_is_a_bound():
    assert [page_claims.probability(value) for value in (2.5e-174, 0.0312, float("nan"))] == [
        "< 10\u207b\u2076",
        "0.031",
        "",
    ]
