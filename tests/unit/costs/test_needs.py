"""Jobs get the time and memory of the largest job of their rule, with a margin."""

import copy
import math
from typing import Any

import pytest

from weightscape.commands import cost
from weightscape.costs import stages
from weightscape.costs.needs import MEMORY, TIME, needs
from weightscape.project import ROOT
from weightscape.study.config import load
from weightscape.study.jobs import BY_RULE

ASSUMED = cost.assumptions(ROOT / "workflow" / "docs" / "cost.yaml")


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    """The paper's study with one small network and two data sets, one of larger images."""
    whole = load(ROOT / "config.yaml", ROOT / "workflow" / "studies" / "paper.yaml")
    whole["study"] |= {"datasets": ["cifar10", "stanford-cars"], "backbones": ["resnet18"]}
    return whole


def with_values(config: dict[str, Any], block: str, **values: Any) -> dict[str, Any]:
    changed = copy.deepcopy(config)
    changed[block] |= values
    return changed


def test_a_rule_has_the_need_of_the_dearest_pair_of_data_set_and_network(config: dict[str, Any]) -> None:
    found = needs(config, ASSUMED)
    assert set(found) <= set(BY_RULE)
    for rule in ("measure_diversity", "finetune", "spectra"):
        hours, memory = [], []
        for dataset in config["study"]["datasets"]:
            alone = stages.costs(stages.work_of(with_values(config, "study", datasets=[dataset]), ASSUMED))[rule]
            hours.append((alone.gpu_hours + alone.cpu_hours) / alone.jobs)
            memory.append(alone.memory_gb)
        longest = max([1.0, *(dose["multiple"] for dose in _doses(config))]) if rule == "finetune" else 1.0
        assert found[rule].minutes == 10 * math.ceil(TIME * max(hours) * longest * 6), rule
        assert found[rule].megabytes == 1000 * math.ceil(MEMORY * max(memory)), rule


def _doses(config: dict[str, Any]) -> list[dict[str, float]]:
    if "steps" not in config["study"]["families"]:
        return []
    return [{"multiple": float(next(iter(dose.values())))} for dose in config["families"]["steps"]["doses"].values()]


def test_ten_times_the_steps_take_about_ten_times_the_minutes(config: dict[str, Any]) -> None:
    long = with_values(config, "finetune", steps=100_000)
    longer = with_values(config, "finetune", steps=1_000_000)
    assert needs(longer, ASSUMED)["finetune"].minutes == pytest.approx(
        10 * needs(long, ASSUMED)["finetune"].minutes, 0.1
    )


def test_the_pool_takes_as_much_longer_as_it_has_more_runs(config: dict[str, Any]) -> None:
    large = with_values(config, "study", datasets=["cifar10"], seeds=[0, 1], baseline_runs=400)
    found, work = needs(large, ASSUMED), stages.work_of(large, ASSUMED)
    each_run = stages.costs(work)["evaluate"].gpu_hours / work.runs_each
    for rule, runs in (("evaluate", 2), ("evaluate_pool", 400)):
        assert found[rule].minutes == 10 * math.ceil(max(TIME * each_run * runs * 6, 1e-9)), rule
    assert found["evaluate_pool"].megabytes == found["evaluate"].megabytes
