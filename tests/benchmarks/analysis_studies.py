"""The simulated studies that the calibration of the analysis draws, in the layout of config.yaml's study."""

import dataclasses
import functools
import sys
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow"), str(ROOT / "tests")]

from unit.metrics import simulated_studies as simulate  # noqa: E402
from unit.metrics.planted import options  # noqa: E402
from unit.metrics.planted_signatures import PER_GROUP, Plan, study, units  # noqa: E402
from weightscape.families import DIVERSITY_FAMILIES  # noqa: E402
from weightscape.formats.json_yaml import read_yaml  # noqa: E402
from weightscape.metrics.analysis import features, signature  # noqa: E402
from weightscape.metrics.analysis.setups import Setup  # noqa: E402
from weightscape.project import DEFAULT_CONFIG  # noqa: E402

LAYERS = 16
OPTIONS = options(primary=read_yaml(DEFAULT_CONFIG)["analyse"]["primary"])
METRICS = OPTIONS.metrics
DOSES = simulate.of_config()
Found = dict[str, float]  # 1 or 0 of each event; an event that could not be judged is left out


def truth(seeds: int, **more: Any) -> simulate.Truth:
    """A study in the layout of config.yaml."""
    return simulate.Truth(seeds=seeds, families=tuple(DOSES), doses=DOSES, layers=LAYERS, metrics=METRICS, **more)


@functools.cache
def runs(seeds: int) -> Any:
    """The table of runs of a study, made once."""
    return simulate.runs_of(truth(seeds))


def drawn(of: simulate.Truth, number: int, *stream: int) -> Setup:
    """The study with this number."""
    return simulate.setup(of, np.random.default_rng([number, of.seeds, *stream]), runs(of.seeds))


@functools.cache
def strongest(family: str) -> str:
    """The dose of a family that lies farthest from the baseline."""
    return drawn(truth(3), 0).design.strongest(family) or ""


def regressed(plan: Plan, number: int) -> tuple[signature.Regression | None, np.ndarray]:
    """The regression of a planted study on its hidden layers, and its values without noise."""
    made = study(plan, number)
    groups = [layers.hidden.reshape(len(layers.hidden), -1, PER_GROUP).mean(axis=2) for layers in made.metrics.values()]
    asked = features.interventions(made)[0]
    effects = signature.whitened(made.design, np.concatenate(groups, axis=1), asked)
    unit = np.stack(list(units(plan, np.random.default_rng([number, plan.seeds, 23])).values()))
    order = [list(units(plan, np.random.default_rng(0))).index(each.name) for each in asked]
    exact = signature._values((unit[order] @ unit[order].T)[None])[0]
    return None if effects is None else signature.regression(effects), exact


def of_families(made: Setup, rng: np.random.Generator) -> Setup:
    """The study with diversity scores and OOD accuracies that are shocks of families, independent of one another."""
    scores, ood = dict(made.diversity), made.outcomes["ood"].copy()
    keys = [key for key in scores if key[0] == simulate.BACKBONE]
    scores |= {key: scores[key].copy() for key in keys}
    shocks = {family: rng.normal(size=len(keys) + 1) for family in DIVERSITY_FAMILIES}
    for (family, _), at in made.design.rows.items():
        if family in shocks:
            shift = shocks[family] + 0.2 * rng.normal(size=len(keys) + 1)
            ood[at] += 0.03 * shift[0]
            for key, of_key in zip(keys, shift[1:], strict=True):
                scores[key][at] *= 1 + 0.05 * of_key
    return dataclasses.replace(made, outcomes={**made.outcomes, "ood": ood}, diversity=scores)
