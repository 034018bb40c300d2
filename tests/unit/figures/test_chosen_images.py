"""The figure of chosen images: budgets joined by way of choosing, and the images in the order of the choice."""

import numpy as np
import pandas as pd

from unit.figures import legible
from weightscape.figures import chosen_images
from weightscape.figures.parts import style

SETUP = {"dataset": "digits", "backbone": "net"}
WAYS = {"log-det": "log_det", "random": "random", "least": "least_diverse"}
BUDGETS = (0.25, 0.5, 1.0)
VALUES = {"test": 90.0, "ood": 50.0}


def tables() -> dict[str, pd.DataFrame]:
    """Three budgets chosen in three ways; log-determinant lies 3 above random, the least diverse 2 below."""
    names = {f"{name}-{budget}": (name, budget) for budget in BUDGETS for name in WAYS}
    gain = {"log-det": 3.0, "random": 0.0, "least": -2.0}
    rows, effects, samples = [], [], []
    for dose, (name, budget) in names.items():
        key = {**SETUP, "family": "synthetic_add", "dose": dose, "number": budget}
        for outcome, value in VALUES.items():
            mean = value + gain[name] + budget
            rows.append({**key, "outcome": outcome, "mean": mean, "low": mean - 1, "high": mean + 1, "n": 16})
        spectral = {"metric": "log_stable_rank", "scope": "hidden", "estimate": gain[name] / 100}
        effects.append({**key, **spectral, "low": -0.1, "high": 0.1, "n": 40})
        picture = {"dataset": "digits", "kind": "chosen", "family": "synthetic_add", "dose": dose, "recipe": ""}
        picture |= {"channels": 1, "height": 2, "width": 2}
        samples += [{**picture, "label": 0, "position": at, "pixels": bytes([10 * at + 1] * 4)} for at in (3, 1, 2)]
    base = {**SETUP, "family": "baseline", "dose": "baseline", "number": 0.0, "low": 1.0, "high": 3.0, "n": 24}
    rows += [{**base, "outcome": outcome, "mean": 2.0} for outcome in VALUES]
    conditions = [
        {**SETUP, "family": "synthetic_add", "dose": dose, "choice": WAYS[name], "destructive": False}
        for dose, (name, _) in names.items()
    ]
    frames = {"outcome_intervals": rows, "condition_effects": effects, "conditions": conditions, "samples": samples}
    return {name: pd.DataFrame(each) for name, each in frames.items()}


def test_each_way_of_choosing_is_a_line_over_its_budgets_with_its_interval():
    figure = chosen_images.draw(tables())
    test, ood, spectral = figure.subfigs[0].subfigs[0].axes
    for axis, value, scale in ((test, 90.0, 1.0), (ood, 50.0, 1.0), (spectral, 0.0, 0.01)):
        for way, gain in (("log_det", 3.0), ("random", 0.0), ("least_diverse", -2.0)):
            color = chosen_images.WAYS[way].color
            line = next(line for line in axis.lines if line.get_color() == color and line.get_linestyle() == "-")
            expected = value + gain * scale + (np.array(BUDGETS) if axis is not spectral else 0.0)
            np.testing.assert_allclose(line.get_xdata(), BUDGETS)
            np.testing.assert_allclose(line.get_ydata(), expected)
        assert len(axis.collections) == len(WAYS)


def test_the_strips_show_the_images_of_the_largest_budget_in_the_order_of_the_choice():
    made = tables()
    earlier = made["samples"]["dose"].str.endswith("0.25")
    made["samples"].loc[earlier, "pixels"] = [bytes([200] * 4)] * int(earlier.sum())
    strips = chosen_images.draw(made).subfigs[0].subfigs[1].axes
    assert [axis.get_ylabel() for axis in strips] == ["log-determinant", "random", "least diverse"]
    for axis in strips:
        sheet = np.asarray(axis.images[0].get_array())[0, :, 0]
        assert sheet.tolist() == [11, 11, 255, 21, 21, 255, 31, 31]


def test_a_budget_that_is_chosen_twice_in_one_way_has_marks_that_are_not_joined():
    made = tables()
    for name in ("outcome_intervals", "condition_effects", "conditions"):
        twice = made[name][made[name]["dose"] == "log-det-1.0"].assign(dose="log-det-pixels")
        made[name] = pd.concat([made[name], twice], ignore_index=True)
    axis = chosen_images.draw(made).subfigs[0].subfigs[0].axes[0]
    lines = [line for line in axis.lines if line.get_color() == chosen_images.WAYS["log_det"].color]
    assert [len(line.get_xdata()) for line in lines] == [2, 4]


def test_words_of_the_figure_neither_overlap_nor_leave_the_page():
    assert legible.faults(chosen_images.draw(tables())) == []


def test_a_study_that_chooses_nothing_and_one_without_images_or_spectra_are_drawn_all_the_same():
    made = tables()
    for gone in ("condition_effects", "samples"):
        made[gone] = made[gone].iloc[:0]
    figure = chosen_images.draw(made)
    assert len(figure.subfigs[0].subfigs) == 1
    assert "not measured" in [text.get_text() for text in figure.subfigs[0].subfigs[0].axes[2].texts]
    plain = made | {"conditions": made["conditions"].assign(choice="")}
    assert "No condition" in chosen_images.draw(plain).texts[0].get_text()
    assert chosen_images.draw(plain).get_figwidth() == style.COLUMN
