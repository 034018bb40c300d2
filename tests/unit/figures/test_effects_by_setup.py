"""The figure of effects in every setup."""

import numpy as np
import pytest

from unit.figures import made_tables
from weightscape.families import COMPARED
from weightscape.figures import effects_by_setup

SETUPS = tuple((dataset, backbone) for dataset in ("digits", "clothes") for backbone in ("one", "two"))


def drawn(setups):
    tables = made_tables.study(setups=setups)
    used = {name: tables[name] for name in effects_by_setup.TABLES}
    return effects_by_setup.draw(used), used


def test_every_setup_has_a_mark_at_its_effect_and_the_mean_stands_below_them():
    figure, tables = drawn(SETUPS)
    titles = [axis.get_title() for axis in figure.axes if axis.get_title()]
    assert titles == ["OOD accuracy, points", "log10 norm, hidden"]
    axis = figure.axes[0]
    marks = {marker: [] for marker in ("o", "s", "D")}
    for line in axis.lines:
        if line.get_marker() in marks:
            marks[line.get_marker()].append((float(line.get_ydata()[0]), float(line.get_xdata()[0])))
    assert [len(found) for found in marks.values()] == [6, 6, 3]
    effects = (
        tables["condition_effects"]
        .query("metric == 'OOD accuracy'")
        .merge(tables["conditions"].query("stands")[["dataset", "backbone", "family", "dose"]])
    )
    for place, family in enumerate(COMPARED):
        expected = 100 * effects[effects["family"] == family]["estimate"]
        found = [x for marker in ("o", "s") for y, x in marks[marker] if round(y) == place]
        assert sorted(found) == pytest.approx(sorted(expected))
        ((lane, mean),) = [(y, x) for y, x in marks["D"] if round(y) == place]
        assert mean == pytest.approx(np.mean(expected))
        assert lane > max(y for marker in ("o", "s") for y, _ in marks[marker] if round(y) == place)


def test_two_setups_have_no_mean_and_a_study_without_the_three_families_says_so():
    figure, tables = drawn(SETUPS[:2])
    assert not [line for line in figure.axes[0].lines if line.get_marker() == "D"]
    other = {**tables, "conditions": tables["conditions"].assign(stands=False)}
    assert [text.get_text() for text in effects_by_setup.draw(other).texts] == [effects_by_setup.ABSENT]


def test_a_family_without_a_mark_says_whether_a_dose_of_it_stands():
    _, tables = drawn(SETUPS)
    effects, conditions = tables["condition_effects"], tables["conditions"]
    unmeasured = (effects["family"] == "dropout") & (effects["metric"] == "OOD accuracy")
    falls = conditions["stands"] & (conditions["family"] != "weight_decay")
    figure = effects_by_setup.draw(
        {**tables, "condition_effects": effects[~unmeasured], "conditions": conditions.assign(stands=falls)}
    )
    said = {text.get_position()[1]: text.get_text() for text in figure.axes[0].texts}
    assert said == {COMPARED.index("dropout"): "not measured", COMPARED.index("weight_decay"): "no dose stands"}
