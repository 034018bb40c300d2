"""Chooses the size of a new study by the time that a user gives it, with the cost model at this machine's rates."""

from collections.abc import Callable, Iterable, Mapping

from weightscape.costs import stages
from weightscape.costs.assumptions import Assumptions
from weightscape.starter.machine import Machine
from weightscape.starter.scale import Size
from weightscape.study import Config
from weightscape.study.config import checked, default_config

FIXED_MINUTES = 1.5
"""Tables, figures and the report."""


def merged(difference: Config) -> Config:
    """The checked config of a study's difference from config.yaml."""
    whole: dict[str, object] = dict(difference)
    for key, value in (default_config() or {}).items():
        whole[key] = _merged(value, whole[key]) if key in whole else value
    return checked(whole)


def _merged(default: object, own: object) -> object:
    if isinstance(default, Mapping) and isinstance(own, Mapping):
        return {**own, **{key: _merged(value, own[key]) if key in own else value for key, value in default.items()}}
    return own


def minutes(config: Config, assumed: Assumptions, machine: Machine) -> float:
    """Minutes that a study takes on this machine."""
    costs = stages.costs(stages.work_of(config, machine.assumptions(assumed))).values()
    gpu, cpu = sum(cost.gpu_hours for cost in costs), sum(cost.cpu_hours for cost in costs)
    return machine.minutes(gpu, cpu) + FIXED_MINUTES


def chosen(
    sizes: Iterable[Size], drafted: Callable[[Size], Config], wanted: float, cost: Callable[[Config], float]
) -> tuple[Config, float]:
    """The first of the drafts that takes at most the `wanted` minutes, else the shortest, and the minutes it takes."""
    found: list[tuple[float, Config]] = []
    for size in sizes:
        difference = drafted(size)
        took = cost(merged(difference))
        if took <= wanted:
            return difference, took
        found.append((took, difference))
    took, difference = min(found, key=lambda pair: pair[0])
    return difference, took
