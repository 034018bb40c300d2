"""Time and memory that the largest job of each rule needs, by the cost model, with a margin.

A rule's jobs differ by data set and network, so that each pair of the study is counted alone. One job of evaluation,
curvature or penalties measures all runs of a condition, of which the pool of baseline runs has the most.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from weightscape.costs import generation, stages
from weightscape.costs.assumptions import HOUR, Assumptions
from weightscape.costs.stages import Cost, Work
from weightscape.study import Config, doses, study
from weightscape.study.jobs import BY_RULE

TIME, MEMORY = 3.0, 1.5
"""Margins: devices are up to three times slower than assumed, and libraries hold memory of their own."""
MEGABYTE = 1e-3  # GB
ROUND_MINUTES, ROUND_MEGABYTES = 10, 1000


@dataclass(frozen=True)
class Need:
    """Minutes and megabytes that a job is given."""

    minutes: int
    megabytes: int


def needs(config: Config, assumed: Assumptions) -> dict[str, Need]:
    """The need of the largest job of each rule that the cost model knows."""
    largest: dict[str, Need] = {}
    for work in _pairs(config, assumed):
        costs = stages.costs(work)
        for rule, hours in _hours(work, costs).items():
            minutes = _up(TIME * 60 * hours, ROUND_MINUTES)
            megabytes = _up(
                MEMORY * costs[_COUNTED.get(rule, BY_RULE[rule].program)].memory_gb / MEGABYTE, ROUND_MEGABYTES
            )
            known = largest.get(rule, Need(0, 0))
            largest[rule] = Need(max(minutes, known.minutes), max(megabytes, known.megabytes))
    return largest


_COUNTED = {"train_generator": "generate", "spectra_before": "spectra"}
"""Rules whose jobs the cost model counts among those of another program."""


_MEASURES: dict[str, Callable[[Config, str], bool]] = {
    "evaluate": lambda config, family: True,
    "curvature": study.measures_curvature,
    "penalties": study.measures_penalties,
}
"""Whether a rule, whose jobs measure all runs of a condition, measures those of a family."""


def _pairs(config: Config, assumed: Assumptions) -> Iterator[Work]:
    """The work of each data set with each network."""
    for dataset in config["study"]["datasets"]:
        for backbone in config["study"]["backbones"]:
            chosen = config["study"] | {"datasets": [dataset], "backbones": [backbone]}
            yield stages.work_of({**config, "study": chosen}, assumed)


def _hours(work: Work, costs: dict[str, Cost]) -> dict[str, float]:
    """Hours of the largest job of each rule."""
    mean = {rule: (cost.gpu_hours + cost.cpu_hours) / cost.jobs for rule, cost in costs.items()}
    config, pool = work.config, work.config["study"]["baseline_runs"]
    (size,) = work.sizes.values()
    hours = dict(mean)
    if "data" in mean:
        hours["data"] *= max(size.splits.values()) * len(size.splits) / max(sum(size.splits.values()), 1)
    if "generate" in mean and config["generate"]["kind"] == "ddpm":
        hours["train_generator"] = work.assumed.gpu.training_hours(generation.training(config, work.sizes))
    if "steps" in config["study"]["families"]:
        hours["finetune"] *= max(
            1.0, *(doses.dose_number(config, "steps", dose) for dose in doses.doses(config, "steps"))
        )
    for rule in set(_MEASURES) & set(mean):
        measured = [each for each in study.conditions(config) if _MEASURES[rule](config, each[0])]
        each_run = mean[rule] * len(measured) / work.runs_of(measured)
        hours[rule] = each_run * max(1, len(config["study"]["seeds"]))
        hours[f"{rule}_pool"] = each_run * pool
    if "spectra" in mean:
        hours["spectra_before"] = mean["spectra"]
    start = work.assumed.start_seconds / HOUR
    return {rule: max(value, start) for rule, value in hours.items()}


def _up(value: float, unit: int) -> int:
    """The next multiple of a unit."""
    return unit * math.ceil(value / unit)
