"""The list of dropout places agrees with the config's schema."""

import pytest

from weightscape.formats.json_yaml import read_yaml
from weightscape.networks.settings import DROPOUTS
from weightscape.project import SCHEMAS

FAMILIES = read_yaml(SCHEMAS / "config.schema.yaml")["properties"]["families"]["properties"]


def dose(family: str) -> dict:
    return FAMILIES[family]["properties"]["doses"]["additionalProperties"]["properties"]


@pytest.mark.parametrize("family", ["dropout", "dropout_decay"])
def test_a_dose_may_state_the_rate_of_every_place_and_of_no_other(family: str) -> None:
    assert set(dose(family)) - {"decay", "coupled", "decay_head", "decay_norms"} == set(DROPOUTS)


def test_a_dose_inside_may_name_every_place_and_no_other() -> None:
    assert set(dose("dropout_inside")["places"]["additionalProperties"]["items"]["enum"]) == set(DROPOUTS)
