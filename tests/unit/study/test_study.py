import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from weightscape.errors import UserError
from weightscape.networks.settings import DROPOUTS
from weightscape.project import ROOT
from weightscape.study import doses, jobs, seen_corruptions, settings, study
from weightscape.study.config import check_named, checked, results_folder

CONFIG: dict[str, Any] = yaml.safe_load((ROOT / "config.yaml").read_text())


def edited(path: str, value: Any) -> dict[str, Any]:
    config = copy.deepcopy(CONFIG)
    block = config
    *parents, last = path.split("/")
    for part in parents:
        block = block[int(part) if isinstance(block, list) else part]
    block[last] = value
    return config


def test_the_embedded_study_is_valid_and_has_its_runs() -> None:
    config = checked(CONFIG)
    runs = jobs.places(config, "finetune")
    assert len(runs) == len(set(runs)) == 2 * (20 * 5 + 15)
    assert [each for each in study.conditions(config) if each[1] == "baseline"] == [("baseline", "baseline")]


FAULTS = {
    "finetune/stepz": (3, "unknown key 'stepz' in finetune; did you mean 'steps'"),
    "study/families": (["augment", "foo"], "study.families names 'foo'"),
    "families/dropout/doses/strong/head": (1.5, r"head = 1.5 .*rate in \[0, 1\)"),
    "generate/recipes/0/guidance": ("two", "guidance = 'two' .* guidance scale, 0 or a number"),
    "families/synthetic_add/doses/equal/recipe": (
        "other",
        "recipe = 'other' is not in generate.recipes; choose from plain, guided, strong",
    ),
    "families/augment/doses/weak/operations/0/degrees": (300, "degrees = 300 .* maximum of 180"),
    "families/augment/doses/Weak!": ({}, "'Weak!'"),
    "families/foo": ({}, "unknown key 'foo' in families"),
    "finetune/learning_rate": ("1e-5", r"is text in YAML; write a number with a dot, as 1.0e-5"),
    "data/digits/ood/blur-3/severity": (9, "severity = 9 .* maximum of 5"),
    "data/digits/ood/blur-3/sevrity": (3, "did you mean 'severity'"),
    "data/digits/ood/blur-3/images": (5000, "images = 5000, but the test split has"),
    "data/a; touch x": (CONFIG["data"]["digits"], "'a; touch x'"),
    "families/dropout/doses/baseline": (
        {"head": 0.1, "path": 0.1},
        "'baseline' names the neutral runs of every study",
    ),
    "families/dropout/axis": ("hed", "axis = 'hed' is no number of dose 'strong'; choose from head, path"),
    "study/seeds": ([], r"seeds = \[\]"),
    "families/dropout_inside/doses/weak/rate": (0, r"rate = 0 .*drop rate of every place, more than 0"),
    "families/dropout_inside/doses/weak/places/efficientnet-lite0": (["atention"], "'atention' is not one of"),
    "finetune/checkpoint_minutes": (-1, r"checkpoint_minutes = -1"),
    "finetune/steps": (8.0, r"finetune.steps = 8.0 must be a whole number"),
    "finetune/history_every": ("1e1", r"history_every = .1e1. is text in YAML; write 10"),
    "study": (None, "study = null"),
    "families/noise/doses": ({}, "families.noise.doses has no dose: .* take noise out of study.families"),
    "backbones/resnet-small/input/mean": (
        [123.7],
        r"mean\[0\] = 123.7 .* maximum of 1 .*divide one of pixels up to 255",
    ),
    "backbones/resnet-small/input/std": ([58.4], r"std\[0\] = 58.4 .* maximum of 1 .*divide one of pixels up to 255"),
}


@pytest.mark.parametrize("path", FAULTS)
def test_a_fault_of_the_config_is_one_sentence_that_names_it(path: str) -> None:
    value, message = FAULTS[path]
    with pytest.raises(UserError, match=message) as caught:
        checked(edited(path, value))
    assert "\n" not in str(caught.value)


def _keys(value: Any, path: str = "") -> list[str]:
    if not isinstance(value, dict):
        return []
    return [f"{path}{key}" for key in value] + [p for k, v in value.items() for p in _keys(v, f"{path}{k}/")]


NAMED = ("data/", "backbones/", "families/", "data/digits/ood/", "/doses/")


@pytest.mark.parametrize("path", _keys(CONFIG))
def test_every_key_of_the_config_is_required(path: str) -> None:
    parent, _, last = path.rpartition("/")
    if f"{parent}/" in NAMED or parent.endswith(("/doses", "/places")):
        pytest.skip("a name chosen by the study")
    if parent.startswith("families/dropout") and last in DROPOUTS and last != "head":
        pytest.skip("a place that is silent does not drop")
    config = copy.deepcopy(CONFIG)
    block = config
    for part in parent.split("/") if parent else []:
        block = block[part]
    del block[last]
    with pytest.raises(UserError):
        checked(config)


def _changed(stage: str, names: dict[str, str], config: dict[str, Any]) -> bool:
    return settings.settings(CONFIG, stage, names) != settings.settings(config, stage, names)


RUN = {
    "dataset": "digits",
    "backbone": "efficientnet-lite0",
    "family": "dropout",
    "dose": "strong",
    "seed": "0",
}


def test_a_dose_changes_the_settings_of_its_own_runs_only() -> None:
    config = edited("families/dropout/doses/strong/head", 0.25)
    assert _changed("finetune", RUN, config)
    assert not _changed("finetune", {**RUN, "family": "dropout_decay", "dose": "medium"}, config)
    assert not _changed("finetune", {**RUN, "family": "augment"}, config)
    assert not _changed("spectra", RUN, config)


@pytest.mark.parametrize(
    ("places", "message"),
    [
        ({"lite": ["block"]}, r"places names 'lite', which backbones does not define; known: efficientnet-lite0"),
        ({}, r"places does not say what drops in 'efficientnet-lite0': give it a list of head, path"),
    ],
)
def test_a_dose_inside_says_for_each_backbone_what_drops(places: dict[str, Any], message: str) -> None:
    config = edited("families/dropout_inside/doses/weak/places", places)
    config["study"]["families"] = ["dropout_inside"]
    config["study"]["backbones"] = ["efficientnet-lite0"]
    with pytest.raises(UserError, match=message):
        checked(config)


def test_a_dose_inside_drops_in_its_own_backbone_alone() -> None:
    rate = CONFIG["families"]["dropout_inside"]["doses"]["weak"]["rate"]
    assert rate > 0
    wanted = {"head": 0.0, "path": 0.0, "attention": 0.0, "mlp": 0.0, "block": rate}
    assert doses.action(CONFIG, "dropout_inside", "weak", "efficientnet-lite0").dropout == wanted
    assert not any(doses.action(CONFIG, "dropout_inside", "weak", "another").dropout.values())


def test_a_new_ood_set_changes_no_training_and_no_other_split() -> None:
    config = edited("data/digits/ood/blur-5", {"source": "corruption", "kind": "blur", "severity": 5, "images": 10})
    for stage in ("finetune", "assemble", "spectra", "evaluate"):
        assert not _changed(stage, RUN, config)
    for split in study.splits(CONFIG, "digits"):
        stage = "corrupt" if study.is_corruption(CONFIG, "digits", split) else "data"
        assert not _changed(stage, {"dataset": "digits", "split": split}, config)


def test_no_split_may_repeat_images_that_are_trained_on_and_no_shifted_set_those_of_the_test() -> None:
    assert {split: study.compared_splits(split) for split in ("train", "val", "test", "extra", "ood-far")} == {
        "train": [],
        "val": ["train"],
        "test": ["train"],
        "extra": ["train", "val", "test"],
        "ood-far": ["train", "test"],
    }


def test_a_new_seed_changes_no_settings_of_old_runs() -> None:
    config = edited("study/seeds", [*range(6)])
    for stage in ("finetune", "assemble", "spectra", "evaluate"):
        assert not _changed(stage, RUN, config)


def test_no_two_runs_share_a_random_stream() -> None:
    seeds = [settings.settings(CONFIG, "finetune", run)["seed"] for run in jobs.names_of(CONFIG, "finetune")]
    assert len(set(seeds)) == len(seeds)


NEUTRAL = {
    "augment": {"strength": 0, "operations": []},
    "noise": {"sigma": 0.0},
    "dropout": {"head": 0.0, "path": 0.0},
    "weight_decay": {"decay": 0.0, "coupled": False},
    "dropout_decay": {"head": 0.0, "path": 0.0, "decay": 0.0, "coupled": False},
    "dropout_inside": {"rate": 0.0, "places": {"efficientnet-lite0": ["block"]}},
    "steps": {"factor": 1.0},
}


@pytest.mark.parametrize("family", NEUTRAL)
def test_a_neutral_dose_trains_as_the_baseline_does_but_for_its_seed(family: str) -> None:
    config = edited(f"families/{family}/doses", {"none": NEUTRAL[family]})
    names = {"dataset": "digits", "backbone": "efficientnet-lite0", "seed": "0"}
    own = settings.settings(config, "finetune", {**names, "family": family, "dose": "none"})
    pool = settings.settings(config, "finetune", {**names, "family": "baseline", "dose": "baseline"})
    apart = {"seed", "condition"}
    assert own["seed"] != pool["seed"] and own.keys() == pool.keys()
    assert all(own[key] == pool[key] for key in own.keys() - apart)


@pytest.mark.parametrize("name", sorted(p.stem for p in (ROOT / "workflow" / "studies").glob("*.yaml")))
def test_every_study_is_valid(name: str) -> None:
    from weightscape.study.config import load

    config = load(ROOT / "config.yaml", ROOT / "workflow" / "studies" / f"{name}.yaml")
    assert config["study"]["name"] == name
    assert results_folder(config, ROOT / "config.yaml") == f"results/studies/{name}"


def test_images_depend_on_no_sharding() -> None:
    def indices(shards: int) -> list[int]:
        config = edited("generate/shards", shards)
        names = {"dataset": "digits", "generator": "ddpm", "recipe": "guided"}
        parts = [settings.settings(config, "generate", {**names, "shard": f"{k:05d}"}) for k in range(shards)]
        assert len({part["seed"] for part in parts}) == 1
        return [index for part in parts for index in range(part["source"]["first"], part["source"]["last"])]

    assert indices(1) == indices(3) == list(range(40))


def test_too_few_further_images_are_said() -> None:
    config = copy.deepcopy(CONFIG)
    config["data"]["digits"]["splits"]["extra"] = 100
    with pytest.raises(
        UserError, match=r"equal.share = 1.0 needs 200 further images, but data.digits.splits.extra = 100"
    ):
        checked(config)


def test_sgd_has_no_decoupled_decay() -> None:
    config = copy.deepcopy(CONFIG)
    config["finetune"]["optimizer"] = "sgd"
    with pytest.raises(UserError, match=r"weight_decay.doses.strong.coupled = false needs finetune.optimizer = 'adam'"):
        checked(config)


def test_only_splits_of_known_and_small_size_are_read_beside_the_head() -> None:
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    assert study.reads_fast(config)
    config["data"]["digits"]["splits"]["train"] = "all"
    assert not study.reads_fast(config)
    config["data"]["digits"]["splits"]["train"] = 5001
    assert not study.reads_fast(config)


def test_a_corruption_of_a_familys_own_policy_is_seen() -> None:
    seen = seen_corruptions.by_condition(checked(CONFIG), "digits")
    assert seen["noise/weak"] == ("ood-noise-3",)
    assert seen["augment/medium"] == seen["augment/strong"] == ("ood-rotation-3",)
    assert not any(condition.endswith("baseline") for condition in seen)


def test_a_policy_that_only_shifts_shows_no_rotation() -> None:
    shift = [{"name": "affine", "degrees": 0, "translate": 0.1, "scale": 0, "shear": 0}]
    config = checked(edited("families/augment/doses/weak/operations", shift))
    assert "augment/weak" not in seen_corruptions.by_condition(config, "digits")


def test_the_severity_of_corruptions_is_known_and_other_shifts_have_none() -> None:
    config = edited("data/digits/ood/blur-3/severity", 5)
    found = seen_corruptions.severities(config, "digits")
    assert found["ood-blur-3"] == 5 and found["ood-noise-3"] == 3
    assert "ood-uci-digits" not in found and "test" not in found
    assert _changed("aggregate", {}, config) and not _changed("finetune", RUN, config)


def test_a_further_embedding_is_measured_beside_the_studys_own() -> None:
    config = copy.deepcopy(CONFIG)
    config["backbones"]["other"] = copy.deepcopy(config["backbones"]["efficientnet-lite0"])
    config["diversity"]["embeddings"] = ["other", "efficientnet-lite0"]
    wildcards = {"dataset": "digits", "family": "noise", "dose": "strong"}
    assert list(settings.settings(checked(config), "measure_diversity", wildcards)["spaces"]) == [
        "efficientnet-lite0",
        "resnet-small",
        "other",
    ]
    config["diversity"]["embeddings"] = ["third"]
    with pytest.raises(UserError, match=r"diversity.embeddings names 'third', which backbones does not define"):
        checked(config)


def test_a_dose_or_ood_set_that_is_null_is_left_out() -> None:
    config = checked(edited("families/augment/doses/weak", None))
    assert "weak" not in study.doses(config, "augment") and "medium" in study.doses(config, "augment")
    assert "ood-blur-3" not in study.splits(checked(edited("data/digits/ood/blur-3", None)), "digits")


def test_a_leave_for_one_start_is_no_setting_of_a_study() -> None:
    with pytest.raises(UserError, match=r"allow_retraining is no setting .*weightscape resume --allow-retraining"):
        checked(edited("allow_retraining", "true"))


def test_every_run_is_evaluated_on_the_training_images_but_not_on_those_kept_for_the_judge() -> None:
    names = study.evaluated_splits(checked(CONFIG), "digits")
    assert {"train", "val", "test"} < set(names) and "extra" not in names
    assert study.read_splits(checked(CONFIG), "digits") == [*names, "extra"]
    assert study.read_splits(edited("study/families", ["dropout"]), "digits") == names


def test_the_analysis_knows_which_backbones_start_from_scratch() -> None:
    name = CONFIG["study"]["backbones"][0]
    assert settings.settings(checked(CONFIG), "analyse", {})["scratch"] == ["resnet-small"]
    scratch = checked(edited(f"backbones/{name}/weights", "none"))
    assert settings.settings(scratch, "analyse", {})["scratch"] == [name, "resnet-small"]


@pytest.mark.parametrize("content", ["study: {seeds: [0]}", "finetune: {steps: 10}", "study:", ""])
def test_a_study_file_without_a_name_would_replace_the_main_results(content: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(content)
    with pytest.raises(UserError, match=r"mine.yaml names no study, so that its results would replace those of config"):
        check_named(ROOT / "config.yaml", [path])
    path.write_text(f"study: {{name: {CONFIG['study']['name']}}}")
    with pytest.raises(
        UserError, match=r"mine.yaml names the study 'digits', as config.yaml does, so that its results"
    ):
        check_named(ROOT / "config.yaml", [path])
    named = tmp_path / "named.yaml"
    named.write_text("study: {name: mine}")
    check_named(ROOT / "config.yaml", [path, named])
    check_named(ROOT / "config.yaml", [ROOT / "config.yaml"])


def test_penalties_are_of_the_listed_families_of_the_study_that_perturb_at_their_strongest_doses() -> None:
    config = edited("penalties/families", ["noise", "augment", "weight_decay", "steps", "mixup", "resolution"])
    assert study.penalties(config) == {"augment": "strong", "noise": "strong", "weight_decay": "strong"}
    measured = [name for name in study.families(config) if study.measures_penalties(config, name)]
    assert measured == ["baseline", "augment", "noise", "weight_decay", "steps"]
    config["families"]["resolution"]["doses"] = {"half": {"size": 14}, "quarter": {"size": 7}}
    config["study"]["families"] = ["resolution", "steps"]
    assert study.penalties(config) == {"resolution": "quarter"}
    config["study"]["families"] = ["steps"]  # which asks for nothing of the loss
    assert not jobs.places(config, "penalties") and not jobs.places(config, "penalties_pool")


def test_the_settings_of_penalties_hold_what_perturbs_and_nothing_else() -> None:
    config = edited("families/dropout_decay/doses/medium/coupled", True)
    config["penalties"]["families"] = ["augment", "dropout_decay"]
    names = {"dataset": "digits", "backbone": "resnet-small"}
    found = settings.settings(config, "penalties", names)
    (one,) = found["perturbations"]["augment"]["operations"]
    assert one["magnitudes"]["degrees"] == 18 and not found["perturbations"]["augment"]["dropout"]
    both = {"operations": [], "noise": 0.0, "dropout": {"head": 0.3, "path": 0.3}}
    assert found["perturbations"]["dropout_decay"] == both | {"decay": {"rate": 0.5, "head": True, "norms": False}}
    plain = edited("penalties/families", ["augment", "dropout_decay"])
    assert settings.settings(plain, "penalties", names) == found
