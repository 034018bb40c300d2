"""The settings of a job follow from the config and from the wildcards that its stage names."""

import pytest

from weightscape.errors import UserError
from weightscape.project import ROOT
from weightscape.study.config import load
from weightscape.study.settings import STAGES, settings, wildcards_of

WILDCARDS = {
    "asset": "backbone-efficientnet-lite0",
    "dataset": "digits",
    "split": "train",
    "backbone": "efficientnet-lite0",
    "generator": "ddpm",
    "recipe": "guided",
    "shard": "00000",
    "family": "noise",
    "dose": "weak",
    "seed": "0",
}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stages_settings_follow_from_the_wildcards_that_it_names(stage: str) -> None:
    wildcards = WILDCARDS | ({"split": "ood-noise-3"} if stage == "corrupt" else {})
    named = {name: wildcards[name] for name in wildcards_of(stage)}
    config = load(ROOT / "config.yaml", None)
    assert settings(config, stage, wildcards) == settings(config, stage, named)


def test_a_job_without_a_name_that_its_stage_needs_is_one_sentence() -> None:
    unnamed = {name: value for name, value in WILDCARDS.items() if name != "seed"}
    with pytest.raises(UserError, match=r"^stage finetune needs the seed of the job: add --seed$"):
        settings(load(ROOT / "config.yaml", None), "finetune", unnamed)
