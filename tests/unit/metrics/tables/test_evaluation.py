"""The tables of runs: runs of one network must have been trained in one precision."""

import pandas as pd
import pytest

from weightscape.errors import UserError
from weightscape.metrics.tables.evaluation import check_one_precision

RUNS = pd.DataFrame(
    {
        "dataset": ["digits"] * 4,
        "backbone": ["vit", "vit", "vit", "resnet"],
        "family": ["noise"] * 4,
        "dose": ["weak", "weak", "strong", "weak"],
        "seed": [0, 1, 2, 0],
        "precision": ["bfloat16", "bfloat16", "bfloat16", "float32"],
    }
)


def test_networks_may_differ_in_their_precision():
    check_one_precision(RUNS)


def test_runs_of_one_network_in_two_precisions_are_refused_with_the_setting_that_mends_it():
    mixed = RUNS.assign(precision=["bfloat16", "bfloat16", "float16", "float32"])
    with pytest.raises(UserError) as error:
        check_one_precision(mixed)
    for words in ("vit on digits", "2 in bfloat16", "1 in float16", "noise, strong, seed 2", "backbones.vit.precision"):
        assert words in str(error.value)
