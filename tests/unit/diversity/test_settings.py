"""The settings of a diversity record, as a config gives them."""

import dataclasses

import pytest

from weightscape.diversity.settings import DiversitySettings
from weightscape.errors import UserError


def test_an_empty_block_gives_the_defaults():
    assert DiversitySettings.from_mapping({}) == DiversitySettings()


def test_lists_and_an_infinite_order_by_name_are_read():
    settings = DiversitySettings.from_mapping({"orders": [1, "inf"], "rarefaction_rows": [10, 20]})
    assert settings.orders == (1.0, float("inf"))
    assert settings.rarefaction_rows == (10, 20)


def test_settings_survive_a_round_trip():
    settings = DiversitySettings(common_rows=7, orders=(2.0,))
    assert DiversitySettings.from_mapping(dataclasses.asdict(settings)) == settings


@pytest.mark.parametrize(
    ("block", "sentence"),
    [
        ({"common": 5}, "diversity has no setting 'common': choose from orders, common_rows"),
        ({"draws": 0}, "diversity draws must be a whole number of at least 1, got 0"),
        ({"draws": 2.5}, "diversity draws must be a whole number of at least 1, got 2.5"),
        ({"draws": True}, "diversity draws must be a whole number of at least 1, got True"),
        (
            {"rarefaction_rows": [5, 0]},
            "diversity rarefaction_rows must be a whole number of at least 1, got 0",
        ),
        ({"rarefaction_rows": 5}, "diversity rarefaction_rows must be a list, got 5"),
        ({"orders": [-1]}, "diversity orders must be one or more numbers of at least 0"),
        ({"orders": []}, "diversity orders must be one or more numbers of at least 0"),
        ({"orders": ["many"]}, 'diversity orders must be numbers or "inf"'),
        ({"orders": [float("nan")]}, "diversity orders must be one or more numbers of at least 0"),
    ],
)
def test_what_is_out_of_range_is_refused_in_one_sentence(block, sentence):
    with pytest.raises(UserError, match=sentence) as caught:
        DiversitySettings.from_mapping(block)
    assert "\n" not in str(caught.value)
