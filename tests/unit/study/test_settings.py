"""The settings of a job follow from the config and from the wildcards that its stage names."""

import pytest

from weightscape.commands import cost
from weightscape.costs import stages
from weightscape.errors import UserError
from weightscape.finetune.settings import FinetuneSettings, TrainingSettings
from weightscape.formats.typed import from_json
from weightscape.project import ROOT
from weightscape.study.checks import amounts
from weightscape.study.config import load
from weightscape.study.settings import STAGES, offered, settings, wildcards_of

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


def test_a_backbone_may_train_for_its_own_number_of_steps() -> None:
    config = load(ROOT / "config.yaml", None)
    config["backbones"]["resnet-small"]["training"] = {"steps": 250, "learning_rate": 1e-3}

    def training(backbone: str, family: str, dose: str) -> TrainingSettings:
        names = WILDCARDS | {"backbone": backbone, "family": family, "dose": dose}
        return from_json(FinetuneSettings, settings(config, "finetune", names)).training

    own, other = training("resnet-small", "noise", "weak"), training("efficientnet-lite0", "noise", "weak")
    assert (own.steps, own.learning_rate) == (250, 1e-3) and own.batch_size == other.batch_size
    assert (other.steps, other.learning_rate) == (100, 4e-3)
    factor = config["families"]["steps"]["doses"]["more"]["factor"]
    assert training("resnet-small", "steps", "more").steps == round(250 * factor)
    work = stages.work_of(config, cost.assumptions(ROOT / "workflow" / "docs" / "cost.yaml"))
    assert work.shown("resnet-small") == 250 * 32 and work.shown("efficientnet-lite0") == 100 * 32
    config["backbones"]["resnet-small"]["training"]["steps"] = 1
    with pytest.raises(UserError, match=r"factor = 0\.5 leaves none of 1 steps"):
        amounts.check(config, {"digits": None})


def test_the_page_offers_the_claims_first_and_neither_the_effects_by_layer_nor_tables_of_a_reanalysis() -> None:
    names = [name for name, _ in offered()]
    assert names[:3] == ["claims", "tests", "runs"] and {"weight_change", "run_effects", "splits"} & set(names) == {
        "weight_change",
        "run_effects",
    }
    assert not {"effects", "published", "reanalysed_run_effects"} & set(names) and len(set(names)) == len(names)
