"""Fake studies in the layout of config.yaml whose interventions have known signatures, and what C2 calls them.

Signatures are drawn in whitened units, where the noise of a run is one in every direction of the features of a scope,
so that lengths and cosines are what the study's table `signature` shows. Those of dropout, weight decay, steps, label
noise and duplicates are as long as in the embedded study, whose diversity had 4 to 14; they are orthogonal, or share a
direction.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from unittest import mock

import numpy as np

from unit.metrics import simulated_studies as simulate
from unit.metrics.planted import options
from weightscape.families import DECAY, DIVERSITY, DROPOUT
from weightscape.metrics.analysis import features
from weightscape.metrics.analysis.claims import c2_pattern
from weightscape.metrics.analysis.contrasts import Values
from weightscape.metrics.analysis.features import Scope
from weightscape.metrics.analysis.setups import Setup
from weightscape.metrics.analysis.verdicts import Verdict

LENGTHS = {DROPOUT: 13.0, DECAY: 100.0, "steps": 9.0, "label_noise": 6.0, "duplicate": 14.0}
OWN = "own"
PER_GROUP = 2
"""Layers of each group of the features."""
VERDICTS = {DROPOUT: Verdict.SUPPORTED, DECAY: Verdict.CONTRADICTED}
OPTIONS = options(metrics=["log_norm", "log_stable_rank", "entropy"], primary="log_stable_rank")


@dataclass(frozen=True)
class Plan:
    """A planted study: what diversity is like, its length, the cosine of any two signatures, and the runs.

    `like` has the parts of several, or names one. `unequal` is the standard deviation of strongest doses over that of
    others; it was 1.2 at most in the embedded study.
    """

    like: str | Mapping[str, float]
    length: float
    cosine: float = 0.0
    seeds: int = 5
    unequal: float = 1.2
    lengths: Mapping[str, float] | None = None


def units(plan: Plan, rng: np.random.Generator) -> dict[str, Values]:
    """The unit signatures of diversity and of the explanations [features]; diversity's is first."""
    size = OPTIONS.signature.groups * len(OPTIONS.metrics)
    axes = np.linalg.qr(rng.normal(size=(size, size)))[0]
    found = {
        name: np.sqrt(1 - plan.cosine) * axes[k] + np.sqrt(plan.cosine) * axes[len(LENGTHS)]
        for k, name in enumerate(LENGTHS)
    }
    parts = {plan.like: 1.0} if isinstance(plan.like, str) else plan.like
    mixed = np.sum([part * (found | {OWN: axes[-1]})[name] for name, part in parts.items()], axis=0)
    return {DIVERSITY: mixed / np.linalg.norm(mixed)} | found


def study(plan: Plan, number: int) -> Setup:
    """The planted study with this number."""
    rng = np.random.default_rng([number, plan.seeds, 23])
    groups, metrics = OPTIONS.signature.groups, OPTIONS.metrics
    lengths = LENGTHS | dict(plan.lengths or {}) | {DIVERSITY: plan.length}
    effects = {name: lengths[name] * unit for name, unit in units(plan, rng).items()}
    effects["duplicate"] = -effects["duplicate"]
    truth = simulate.Truth(
        seeds=plan.seeds,
        families=tuple(simulate.of_config()),
        doses=simulate.of_config(),
        layers=PER_GROUP * groups,
        metrics=metrics,
        profiles={name: _profile(effect, groups) for name, effect in effects.items()},
        unequal=plan.unequal,
    )
    return simulate.setup(truth, rng)


def _profile(effect: Values, groups: int) -> Values:
    """The effects of layers [metrics, layers] whose group means are these [metrics x groups] in whitened units."""
    covariance = simulate.Truth.shared**2 + np.eye(groups) / PER_GROUP
    means = effect.reshape(-1, groups) @ np.linalg.cholesky(covariance).T
    return np.repeat(means, PER_GROUP, axis=1)


def answers(scopes: Iterable[Scope]) -> list[list[str] | None]:
    """The interventions that diversity is nearest to in each scope that C2 names; None where that is not told."""
    return [scope.nearest(OPTIONS.level) for scope in scopes if scope.name in OPTIONS.signature.claim]


def named(plan: Plan, number: int) -> dict[str, bool]:
    """Whether a planted study is named rightly in every scope, and wrongly in any."""
    right = [] if plan.like == OWN else [str(plan.like)]
    with mock.patch.object(features, "_without", return_value=None):  # the features left out are dear, and name nothing
        found = answers(features.scopes(study(plan, number), OPTIONS))
    return {
        "named": all(answer == right for answer in found),
        "named wrongly": any(answer is not None and not set(right) <= set(answer) for answer in found)
        or (not right and any(found)),
    }


def decided(plan: Plan, number: int) -> dict[str, bool]:
    """How C2 decides a planted study, without controls."""
    verdict = c2_pattern.decide(study(plan, number), OPTIONS).verdict
    expected = VERDICTS.get(str(plan.like), Verdict.UNDECIDED)
    return {"C2": verdict is expected, "C2 wrong": verdict not in (expected, Verdict.UNDECIDED)}
