"""The counted work against formulas, and how the tables grow."""

import argparse
import copy
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from weightscape.commands import cost
from weightscape.costs import generation, measured, stages
from weightscape.costs.assumptions import Cpu, sizes_of
from weightscape.errors import UserError
from weightscape.generate.model_settings import ModelSettings
from weightscape.project import ROOT
from weightscape.provenance.records import Origin, write_record
from weightscape.study import recipes
from weightscape.study.config import load
from weightscape.study.jobs import BY_RULE
from weightscape.study.settings import settings

RUNS = 44 * 5 + 15  # of a data set and backbone: 44 conditions and the pool
ASSUMED = cost.assumptions(ROOT / "workflow" / "docs" / "cost.yaml")


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    """The paper's study with two small networks and one data set."""
    whole = load(ROOT / "config.yaml", ROOT / "workflow" / "studies" / "paper.yaml")
    whole["study"] |= {"datasets": ["cifar10"], "backbones": ["resnet18"], "keep_weights": "seed0"}
    return whole


def test_a_residual_networks_work_is_that_of_its_layers() -> None:
    net = stages.network_of("resnet18", 224, 1000)
    assert net.operations == pytest.approx(2 * 1.814e9, rel=0.01)  # He et al. (2016): 1.8 GMAC
    assert net.parameters == 11_689_512
    assert (9, 512, 512) in net.matrices and (1, 1000, 512) in net.matrices and (49, 64, 3) in net.matrices


def test_the_seconds_of_spectra_follow_the_formula() -> None:
    net = stages.Network(0, 0, ((2, 300, 200),))
    cpu = Cpu(gflops=10, eigen_gflops=1, decoded=1, decoded_large=1)
    expected = 2 * (2 * 300 * 200**2 / 10e9 + 2 * 4 / 3 * 200**3 / 1e9)
    assert stages.spectra_seconds(net, cpu) == pytest.approx(expected)


def test_splits_that_say_all_are_filled_from_what_is_known(config: dict[str, Any]) -> None:
    size = sizes_of(config, "cifar10", ASSUMED.images)
    assert size.splits["train"] == 22_500 and size.splits["test"] == 10_000 and size.splits["ood-blur-3"] == 2000
    domain = sizes_of(config, "domainnet", ASSUMED.images)
    assert domain.classes == 34 and domain.splits["ood-sketch"] == round(69128 * 34 / 345)
    with pytest.raises(UserError, match=r"images of data.cifar10 is not known: add it to images in cost.yaml"):
        sizes_of(config, "cifar10", {})


def test_ten_times_the_seeds_take_ten_times_the_runs_and_no_more_data(config: dict[str, Any]) -> None:
    larger = copy.deepcopy(config)
    larger["study"] |= {"seeds": list(range(50)), "baseline_runs": 150}
    work = stages.work_of(config, ASSUMED)
    once, tenfold = stages.costs(work), stages.costs(stages.work_of(larger, ASSUMED))
    assert once["finetune"].jobs == RUNS
    shown = RUNS * 7000 * 32 * 3 * stages.network_of("resnet18_3x3", 64, 10).operations
    rate = ASSUMED.gpu.peak_tflops * 1e12 * ASSUMED.gpu.training_use
    expected = shown / rate / 3600 + RUNS * ASSUMED.start_seconds / 3600
    assert once["finetune"].gpu_hours == pytest.approx(expected)
    assert tenfold["finetune"].gpu_hours == pytest.approx(10 * once["finetune"].gpu_hours)
    assert tenfold["data"] == once["data"] and tenfold["generate"] == once["generate"]
    assert work.weight_bytes / 1e9 == pytest.approx(RUNS / 45 * once["finetune"].disk_gb)


def test_the_page_names_every_stage_and_assumption(config: dict[str, Any]) -> None:
    text = cost.page(config, ASSUMED, 1) + cost.notes(config, ASSUMED)
    for word in ("1 data", "2 generate", "4 finetune", "5 spectra", "312 TFLOP/s", f"{RUNS} runs"):
        assert word in text


def test_a_study_of_tables_has_no_cost() -> None:
    study = ROOT / "workflow" / "studies" / "published.yaml"
    arguments = argparse.Namespace(
        times=[1], assumed=cost.ASSUMED, config=ROOT / "config.yaml", configfile=study, measured=None
    )
    with pytest.raises(UserError, match=r"starts from published tables and trains nothing: name one that"):
        cost.run(arguments)


def test_images_of_ones_own_are_counted(config: dict[str, Any], tmp_path: Path) -> None:
    for part, count in (("train", 7), ("test", 2)):
        for name in ("cat", "dog"):
            (tmp_path / part / name).mkdir(parents=True)
            for number in range(count):
                (tmp_path / part / name / f"{number}.png").touch()
    own = copy.deepcopy(config)
    kept = {key: own["data"]["cifar10"][key] for key in ("image", "classes", "per_class", "unreadable")}
    block = {"source": "image_folder", "root": str(tmp_path), "ood": {}}
    own["data"]["cifar10"] = kept | block | {"splits": {"train": "all", "val": 2, "test": "all", "extra": 4}}
    size = sizes_of(own, "cifar10", {})
    assert size.splits == {"train": 8, "val": 2, "test": 4, "extra": 4} and size.classes == 2


def test_a_cap_per_class_lowers_both_parts(config: dict[str, Any]) -> None:
    capped = copy.deepcopy(config)
    capped["data"]["cifar10"] |= {"per_class": 600}
    capped["data"]["cifar10"]["splits"] |= {"train": "all", "extra": 2500}
    size = sizes_of(capped, "cifar10", ASSUMED.images)
    assert size.splits["train"] == 6000 - 2500 - 2500 and size.splits["test"] == 6000
    assert "Classes are equally large where `per_class` caps them (data.cifar10)." in cost.notes(capped, ASSUMED)


def test_a_domain_of_unknown_count_is_assumed_and_named(config: dict[str, Any]) -> None:
    other = copy.deepcopy(config)
    other["study"]["datasets"] = ["domainnet"]
    other["data"]["domainnet"]["ood"]["quickdraw"] = {"source": "domain", "domain": "quickdraw", "images": "all"}
    assert sizes_of(other, "domainnet", ASSUMED.images).splits["ood-quickdraw"] == 10_000
    sentence = "OOD sets of which no count is known hold 10000 images each: data.domainnet.ood.quickdraw."
    assert sentence in cost.notes(other, ASSUMED) and sentence not in cost.notes(config, ASSUMED)


def test_a_generator_that_is_trained_here_costs_its_training_and_its_steps() -> None:
    digits: Any = load(ROOT / "config.yaml", None)
    counts = {"plain": 20, "guided": 100, "strong": 20}
    for recipe in digits["generate"]["recipes"]:
        recipe["images_per_class"] = counts[recipe["name"]]
    digits["generate"]["model"] |= {"patch": 2, "channels": [24, 48]}
    digits["generate"]["training"] |= {"steps": 450, "batch_size": 32}
    sizes = {"digits": sizes_of(digits, "digits", ASSUMED.images)}
    once = generation.ddpm_operations(ModelSettings(2, (24, 48), 1, "linear", False), (1, 28, 28), 10)
    filtered = generation.ddpm_operations(ModelSettings(2, (24, 48), 1, "flow", True), (3, 28, 28), 10)
    assert once < filtered < 3 * once
    assert generation.training(digits, sizes) == pytest.approx(450 * 32 * 3 * once)
    assert generation.sampling(digits, sizes) == pytest.approx(8 * once * 10 * (20 + 1.7 * 100 + 1.7 * 20))
    sampled = stages.costs(stages.work_of(digits, ASSUMED))["generate"]
    assert sampled.jobs == 4 and sampled.gpu_hours > 4 * ASSUMED.start_seconds / 3600


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("gpu: 3", "gpu"),
        ("[1", "not valid YAML"),
        (
            (ROOT / "workflow" / "docs" / "cost.yaml").read_text().replace("312", "-1"),
            "gpu.peak_tflops = -1 must be above 0",
        ),
        ((ROOT / "workflow" / "docs" / "cost.yaml").read_text().replace("start_seconds", "start"), "'start'"),
    ],
)
def test_assumptions_that_do_not_fit_are_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "assumed.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        cost.run(argparse.Namespace(times=[1], assumed=path))
    assert sentence in str(error.value)


def test_a_multiple_below_one_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^--times 0 is no multiple of the seeds: give whole numbers of 1 or more$"):
        cost.run(argparse.Namespace(times=[1, 0], assumed=cost.ASSUMED))
    with pytest.raises(UserError, match=r"none\.yaml cannot be read"):
        cost.run(argparse.Namespace(times=[1], assumed=tmp_path / "none.yaml"))


def finished(path: Path, stage: str, settings: dict[str, Any], facts: dict[str, Any], seconds: float) -> None:
    """The records of a job."""
    origin = Origin(stage, settings, "")
    write_record(path.parent, origin, [], facts, volatile={"wall_seconds": seconds}, name=path.stem)


def test_a_pilots_jobs_tell_the_rates(config: dict[str, Any], tmp_path: Path) -> None:
    names = {"dataset": "cifar10", "backbone": "resnet18", "family": "noise", "dose": "r1"}
    net = stages.network_of("resnet18_3x3", 64, 10)
    for seed, tflops in enumerate((1.0, 2.0, 8.0)):  # the last of a job that was resumed near its end
        run = {**names, "seed": str(seed)}
        seconds = 7000 * 32 * 3 * net.operations / (tflops * 1e12)
        path = tmp_path / BY_RULE["finetune"].place(run)
        finished(path, "finetune", settings(config, "finetune", run), {"classes": 10}, seconds)
    spectra = stages.spectra_seconds(net, ASSUMED.cpu)
    finished(tmp_path / BY_RULE["spectra"].place(run), "spectra", {}, {}, spectra / 2)
    varied = copy.deepcopy(config)
    varied["generate"] |= {"kind": "image_to_image"}
    recipe = {"dataset": "cifar10", "generator": varied["generate"]["name"], "recipe": recipes.names(varied)[0]}
    asked = settings(varied, "generate", {**recipe, "shard": "00000"})
    asked["source"]["pipeline"] |= {"size": 512, "steps": 20, "strength": 0.5}
    operations = generation.pipeline_operations(512, 10, asked["guidance"] > 1)
    left_out = {"images": 0, "gate": {"images": 4}, "black": 2}  # none of 6 was kept
    for shard, facts in enumerate(({"images": 6}, left_out, left_out)):
        path = tmp_path / BY_RULE["generate"].place({**recipe, "shard": f"{shard:05d}"})
        finished(path, "generate", asked, facts, 6 * operations / 50e12)
    assumed, lines = measured.calibrated(ASSUMED, tmp_path)
    assert assumed.gpu.training_use == pytest.approx(2.0 / ASSUMED.gpu.peak_tflops)
    assert assumed.gpu.sampling_use == pytest.approx(50.0 / ASSUMED.gpu.peak_tflops)
    uses = [rates.gpu.inference_use / rates.gpu.training_use for rates in (assumed, ASSUMED)]
    assert uses[0] == pytest.approx(uses[1])
    assert assumed.cpu.eigen_gflops == pytest.approx(2 * ASSUMED.cpu.eigen_gflops)
    assert len(lines) == 3 and "2 TFLOP/s, the median of 3 jobs" in lines[0] and "(resnet18 " in lines[0]
    plain, faster = (stages.costs(stages.work_of(config, rates))["finetune"] for rates in (ASSUMED, assumed))
    starts = RUNS * ASSUMED.start_seconds / 3600
    ratio = ASSUMED.gpu.training_use / assumed.gpu.training_use
    assert faster.gpu_hours - starts == pytest.approx(ratio * (plain.gpu_hours - starts))
    assert lines[0] in cost.notes(config, assumed, lines)


def test_a_folder_without_finished_jobs_measures_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no finished runs: name the results folder of a study that was run"):
        measured.calibrated(ASSUMED, tmp_path)
    finished(tmp_path / "4_finetune/d/b/f/w/seed0/manifest.json", "finetune", {}, {}, 1.0)
    with pytest.raises(UserError, match="holds records that this project did not write: name another folder"):
        measured.calibrated(ASSUMED, tmp_path)


@pytest.mark.parametrize(("minutes", "count"), [(10, 0), (0.25, None), (0, 70)])
def test_checkpoints_are_counted_by_the_time_that_a_run_takes(
    config: dict[str, Any], minutes: float, count: int | None
) -> None:
    asked = copy.deepcopy(config)
    asked["finetune"] |= {"checkpoint_minutes": minutes, "steps": 7001, "history_every": 100, "optimizer": "adam"}
    work = stages.work_of(asked, ASSUMED)
    (net,) = work.networks.values()
    seconds = 7001 * 32 * 3 * net.operations / (312e12 * ASSUMED.gpu.training_use)
    expected = int(seconds / 60 / minutes) if count is None else count
    assert work.checkpoint_bytes == RUNS * expected * 12 * net.parameters
    assert f"{work.checkpoint_bytes / 1e9:.0f} GB written in all" in cost.page(asked, ASSUMED, 1)


def test_evaluation_curvature_and_penalties_take_the_rate_of_float32(config: dict[str, Any]) -> None:
    faster = dataclasses.replace(ASSUMED, gpu=dataclasses.replace(ASSUMED.gpu, float32_tflops=39.0))
    plain, fast = (stages.costs(stages.work_of(config, rates)) for rates in (ASSUMED, faster))
    for rule in ("evaluate", "curvature", "penalties", "measure_diversity"):
        starts = 0 if rule == "measure_diversity" else plain[rule].jobs * ASSUMED.start_seconds / 3600
        assert plain[rule].gpu_hours - starts == pytest.approx(2 * (fast[rule].gpu_hours - starts)), rule
    assert plain["finetune"] == fast["finetune"] and plain["generate"] == fast["generate"]
