"""The time that a study takes here: paces between sizes, rates of the cost model, and routines that run."""

import pytest

from weightscape.commands.cost import ASSUMED, assumptions
from weightscape.costs import stages
from weightscape.project import ROOT
from weightscape.starter import estimate, machine
from weightscape.starter.machine import Machine, Pace, Speed
from weightscape.study import doses, study
from weightscape.study.config import load

SPEED = Speed(((10.0, Pace(1.0, 2.0, 3.0)), (30.0, Pace(3.0, 2.0, 1.0))))


@pytest.mark.parametrize(
    ("operations", "pace"),
    [
        (5.0, Pace(1.0, 2.0, 3.0)),  # no smaller image is faster than the smallest that was measured
        (10.0, Pace(1.0, 2.0, 3.0)),
        (20.0, Pace(2.0, 2.0, 3.0)),  # nor is a larger one
        (110.0, Pace(11.0, 2.0, 3.0)),
    ],
)
def test_a_pace_is_on_the_line_through_two_sizes(operations: float, pace: Pace) -> None:
    assert SPEED.at(operations) == pace


def test_a_network_of_one_size_slows_in_proportion() -> None:
    alone = Speed(((10.0, Pace(1.0, 2.0, 3.0)),))
    assert alone.at(40.0) == Pace(4.0, 8.0, 12.0) and alone.at(4.0) == Pace(1.0, 2.0, 3.0)


def test_the_seconds_are_those_of_the_paces() -> None:
    config = load(ROOT / "config.yaml", None)
    config["study"] |= {"backbones": ["efficientnet-lite0"], "families": ["augment"], "seeds": [0], "baseline_runs": 3}
    model, size = "tf_efficientnet_lite0", config["backbones"]["efficientnet-lite0"]["input"]["size"]
    operations = stages.network_of(model, size, 10).operations
    here = Machine(2, "cpu", {model: Speed(((operations, Pace(0.01, 0.002, 0.03)),))}, 5e10)
    assumed = assumptions(ASSUMED)
    found = {rule: gpu + cpu for rule, (gpu, cpu) in estimate.seconds(config, assumed, here).items()}
    runs = len(study.conditions(config)) - 1 + 3
    shown = config["finetune"]["steps"] * config["finetune"]["batch_size"]
    start = machine.START_SECONDS
    assert found["finetune"] == pytest.approx(runs * (shown * 0.01 + estimate.EACH_RUN["finetune"] + start))
    block = config["curvature"]
    products = block["images"] * (block["probes"] + block["iterations"])
    jobs = len(study.conditions(config))
    each = products * 0.03 + estimate.EACH_RUN["curvature"]
    assert found["curvature"] == pytest.approx(runs * each + jobs * start)
    block = config["penalties"] | {"families": ["augment"]}  # of the study's families
    each = block["images"] * (1 + block["draws"]) * 0.002 + estimate.EACH_RUN["penalties"]
    assert found["penalties"] == pytest.approx(runs * each + jobs * start)
    work = stages.work_of(config, assumed)
    seen = work.evaluated("digits")
    assert found["evaluate"] == pytest.approx(runs * (seen * 0.002 + estimate.EACH_RUN["evaluate"]) + jobs * start)
    assert estimate.minutes(config, assumed, here) == pytest.approx(sum(found.values()) / 2 / 60)
    assert doses.seeds(config, "augment") == [0]


def test_on_a_gpu_the_networks_work_beside_the_cores() -> None:
    assert Machine(4, "cuda", {}).minutes(600, 120) == 10
    assert Machine(4, "cuda", {}).minutes(60, 2400) == 10
    assert Machine(4, "cpu", {}).minutes(600, 1800) == 10


@pytest.mark.slow
def test_every_routine_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    from weightscape.generate.model_settings import ModelSettings

    for name, value in {"EACH": 1e-9, "SIDES": (32, 48), "BATCH": 2}.items():
        monkeypatch.setattr(machine, name, value)
    found = machine.measured({"test_resnet": None, "test_vit": 160}, ModelSettings(4, (64, 128), 1, "flow", False), 224)
    (low, small), (high, _) = found.speeds["test_resnet"].paces
    ((_, only),) = found.speeds["test_vit"].paces
    assert low < high and min(*vars(small).values(), *vars(only).values()) > 0
    assert found.sampling > 0 and found.told() == f"{found.cores} cores, no GPU"
    assert machine.measured({"test_resnet": None}, None, 20).speeds["test_resnet"].paces[0][0] > 0


@pytest.mark.parametrize(
    ("model", "side"),
    [("test_resnet", None), ("tf_efficientnet_lite0", None), ("test_vit", 160), ("swin_tiny_patch4_window7_224", 224)],
)
def test_a_network_that_takes_one_size_alone_is_told_by_it(model: str, side: int | None) -> None:
    import torch

    from weightscape.networks.building import network

    with torch.device("meta"):
        assert machine.fixed_side(network(model, 2)) == side
