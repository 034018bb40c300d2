"""Doses that choose their images must say how, in one sentence before the first job."""

import copy
from typing import Any

import pytest

from weightscape.errors import UserError
from weightscape.formats.json_yaml import read_yaml
from weightscape.project import DEFAULT_CONFIG
from weightscape.study.config import checked

CHOICE = {"choose": "log_det", "by": "pixels", "gate": "judge"}


def with_dose(**values: Any) -> dict[str, Any]:
    config = copy.deepcopy(read_yaml(DEFAULT_CONFIG))
    config["families"]["synthetic_add"]["doses"]["equal"] |= values
    return config


@pytest.mark.parametrize("by", ["pixels", "efficientnet-lite0"])
def test_a_dose_may_choose_its_images(by: str) -> None:
    checked(with_dose(**CHOICE | {"by": by}, given="none", pool=0.8))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"pool": 0.8}, "equal.pool = 0.8 is about a choice: add choose"),
        ({"choose": "random", "by": "pixels"}, "choose = 'random' lacks gate"),
        (CHOICE | {"by": "resnet"}, "names 'resnet', which backbones does not define"),
        (CHOICE | {"choose": "best"}, "choose"),
        (CHOICE | {"pool": 0.01}, "of which each seed draws 0"),
    ],
)
def test_a_choice_that_cannot_be_made_is_one_sentence(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        checked(with_dose(**values))
