"""The table of families: its sets, its order of doses, and its agreement with the schema, the figures and the tests."""

import math

import pytest

from unit.metrics import simulated_studies
from weightscape import families, words
from weightscape.errors import UserError
from weightscape.families import FAMILIES
from weightscape.figures.parts import style
from weightscape.formats.json_yaml import read_yaml
from weightscape.metrics.analysis.controls.table import CONTROLS
from weightscape.project import DEFAULT_CONFIG, SCHEMAS
from weightscape.study.config import checked

CONFIG = read_yaml(DEFAULT_CONFIG)


def test_the_config_defines_and_the_schema_allows_every_family_and_no_other():
    schema = read_yaml(SCHEMAS / "config.schema.yaml")
    assert list(schema["properties"]["families"]["properties"]) == list(CONFIG["families"]) == list(FAMILIES)


def test_a_family_of_the_config_that_the_table_lacks_is_refused_in_one_sentence():
    other = CONFIG | {"families": CONFIG["families"] | {"twirl": CONFIG["families"]["noise"]}}
    with pytest.raises(UserError, match=r"^config: unknown key 'twirl' in families; allowed: augment, [^.]*$"):
        checked(other)


def test_no_family_lacks_a_colour_and_no_colour_a_family():
    assert set(style.COLORS) == set(FAMILIES)
    assert set(style.LOGARITHMIC) <= set(FAMILIES)


def test_the_sets_of_families_are_those_that_the_methods_name():
    measured = {"augment", "noise", "synthetic_add", "synthetic_replace", "real_select", "duplicate", "real_add"}
    assert set(families.DIVERSITY_FAMILIES) == measured | {"resolution"}
    assert families.CONTROL_FAMILIES == ("label_noise", "duplicate", "real_add", "steps", "resolution")
    items = ("synthetic_add", "synthetic_replace", "label_noise", "duplicate", "real_add", "real_select")
    assert items == families.ITEM_FAMILIES
    assert families.REAL_IMAGE_FAMILIES == ("duplicate", "real_add")
    assert families.SYNTHETIC_FAMILIES == ("synthetic_add", "synthetic_replace")
    assert set(families.COMPARED) <= set(FAMILIES)


def test_only_families_with_another_item_list_say_what_becomes_of_it_and_draw_further_images():
    assert {row.name for row in FAMILIES.values() if row.items} == set(families.ITEM_FAMILIES)
    assert {row.name for row in FAMILIES.values() if row.draws_from} == set(families.DRAWING_FAMILIES)
    assert all(FAMILIES[name].items in ("add", "replace") for name in families.DRAWING_FAMILIES)


def test_the_baseline_draws_nothing_and_changes_nothing():
    assert not families.needs_extra(families.BASELINE) and families.needs_extra("real_add")
    pool = families.named(families.BASELINE)
    assert (pool.changes, pool.items, pool.draws_from) == ((), None, None) and families.BASELINE not in FAMILIES


def test_a_baseline_without_a_number_is_unknown_to_a_slope_and_zero_in_the_tables():
    unknown = [name for name in FAMILIES if math.isnan(families.neutral(name))]
    assert unknown == ["resolution"]
    assert families.baseline_number("resolution") == 0.0
    assert families.neutral("steps") == families.baseline_number("steps") == 1.0


def test_a_control_that_is_a_family_has_the_title_of_the_family():
    assert all(words.control(name) == words.family(name) for name in CONTROLS if name in FAMILIES)


def test_simulated_studies_vary_families_of_the_table():
    assert set(simulated_studies.DOSES) <= set(FAMILIES)
