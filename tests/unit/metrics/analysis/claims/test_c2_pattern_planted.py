"""Planted studies in the layout of config.yaml are named by the analysis of C2 (METHODS 8)."""

import pytest

from unit.metrics.planted_signatures import OPTIONS, OWN, Plan, answers, decided, named, study
from weightscape.metrics.analysis import features

pytestmark = pytest.mark.slow
STUDIES = 10  # calibration.md has the rates of many


@pytest.mark.parametrize("like", ["dropout", "weight_decay", OWN])
def test_diversity_like_dropout_like_decay_and_like_neither_is_named_at_five_seeds(like: str):
    plan = Plan(like, 9.0, cosine=0.3)
    found = [named(plan, number) | decided(plan, number) for number in range(STUDIES)]
    assert sum(each["named"] for each in found) >= 0.8 * STUDIES
    assert sum(each["named wrongly"] for each in found) == 0
    assert sum(each["C2 wrong"] for each in found) == 0


def test_diversity_like_an_intervention_without_a_known_direction_is_never_called_its_own():
    plan = Plan("label_noise", 9.0, lengths={"label_noise": 3.0})
    studies = [study(plan, number) for number in range(STUDIES)]
    told = [list(features.scopes(made, OPTIONS)) for made in studies]
    assert any("label_noise" not in scope.used for scopes in told for scope in scopes if scope.name != "head")
    assert not any(answer == [] for scopes in told for answer in answers(scopes))
