"""Chooses the size of a new study by the time that a user gives it, with the cost model at this machine's rates."""

from collections.abc import Callable, Iterable, Mapping

from weightscape.costs import stages
from weightscape.costs.assumptions import HOUR, Assumptions
from weightscape.starter.machine import Machine
from weightscape.starter.scale import Size
from weightscape.study import Config, study
from weightscape.study.config import checked, default_config

FIXED_SECONDS = 90.0
"""CPU seconds of tables, figures, the report and the judge."""
EACH_RUN = {"finetune": 0.5, "evaluate": 0.4, "curvature": 0.2, "penalties": 0.2, "spectra": 0.4}
"""CPU seconds of a run in a stage beyond what the cost model counts: reading, tracing, fits, intervals, records."""
EACH_JOB = {"data": 0.5, "generate": 2.0, "measure_diversity": 1.5}
"""The same of a job in a stage that has no runs."""


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
    costs = seconds(config, assumed, machine)
    return machine.minutes(sum(gpu for gpu, _ in costs.values()), sum(cpu for _, cpu in costs.values()))


def seconds(config: Config, assumed: Assumptions, machine: Machine) -> Mapping[str, tuple[float, float]]:
    """Seconds of the device of networks, and of the CPU, by rule."""
    work = machine.work(stages.work_of(config, assumed))
    runs = work.runs_each * len(work.networks)
    found = {"tables and page": (0.0, FIXED_SECONDS)}
    for rule, cost in stages.costs(work).items():
        count = runs if rule in ("evaluate", "spectra", "finetune") else _measured(work, rule)
        more = count * EACH_RUN.get(rule, 0.0) + cost.jobs * EACH_JOB.get(rule, 0.0)
        found[rule] = HOUR * cost.gpu_hours, HOUR * cost.cpu_hours + more
    return found


def _measured(work: stages.Work, rule: str) -> int:
    """Runs whose curvature or penalties a rule measures; none for other rules."""
    asked = {"curvature": study.measures_curvature, "penalties": study.measures_penalties}.get(rule)
    conditions = [each for each in study.conditions(work.config) if asked and asked(work.config, each[0])]
    return work.runs_of(conditions) * len(work.networks)


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
