"""Effects against dose: a row for each metric that the study analyses."""

import pytest

from unit.figures import made_tables
from weightscape.figures import effect_by_dose

pytestmark = pytest.mark.slow


def test_a_study_of_two_metrics_has_two_rows() -> None:
    tables = made_tables.study(layers=2, families=("dropout",))
    effects = tables["run_effects"]
    few = tables | {"run_effects": effects[effects["metric"].isin(["entropy", "log_norm"])]}
    labels = [axis.get_ylabel() for axis in effect_by_dose.draw(few).axes]
    assert [label for label in labels if label] == ["effect on\nlog\u2081\u2080 norm", "effect on\nspectral entropy"]
