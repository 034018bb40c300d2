"""The settings of a diversity record, as a config gives them."""

import dataclasses

import pytest

from unit.diversity.test_measure import SETTINGS
from weightscape.diversity.settings import DiversitySettings
from weightscape.errors import UserError
from weightscape.formats.typed import from_json, to_json


def test_an_infinite_order_is_written_and_read_by_name():
    assert to_json(SETTINGS)["orders"] == [0.5, 1.0, 2.0, "inf"]
    assert from_json(DiversitySettings, to_json(SETTINGS)) == SETTINGS


def test_a_setting_that_is_missing_has_no_default():
    block = to_json(dataclasses.replace(SETTINGS, common_rows=7))
    del block["draws"]
    with pytest.raises(UserError, match="settings: draws is missing"):
        from_json(DiversitySettings, block)
