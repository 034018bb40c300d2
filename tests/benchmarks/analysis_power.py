"""Power of every claim, prediction over conditions, destructive conditions, and verdicts over several setups."""

import dataclasses
import itertools

import numpy as np
from analysis_studies import LAYERS, OPTIONS, Found, drawn, of_families, strongest, truth

from unit.metrics import simulated_studies as simulate
from weightscape.families import BASELINE, COMPARED, DIVERSITY, DIVERSITY_FAMILIES
from weightscape.metrics.analysis import destructive, prediction
from weightscape.metrics.analysis.claims import table
from weightscape.metrics.analysis.claims.table import overall
from weightscape.metrics.analysis.setups import Setup

OUTCOME, SCORE, HEAD = 0.005, 0.01, 5.0
"""Standard deviations of a run in `simulate`: of an outcome, of ln Vendi, and of the head."""
SIZES = (3.0, 6.0, 12.0)


def power(number: int, seeds: int) -> Found:
    """Verdicts of C1 at stated effects, in units of a run's standard deviation of the mean over layers."""
    found: Found = {}
    sd = np.sqrt(0.7**2 + 1 / LAYERS)
    for effect in (3.0, 6.0, 12.0):
        profile = np.full(LAYERS, effect * sd)
        profiles = dict.fromkeys(COMPARED, profile) | {"duplicate": -profile}
        rows, _ = table.of_setup(drawn(truth(seeds, profiles=profiles), number, 14), OPTIONS, ["C1"])
        found[f"C1 supported, effects of {effect:g} s.d. of runs"] = float(rows[0].verdict == "supported")
    return found


def power_of_outcomes(number: int, seeds: int) -> Found:
    """Verdicts of C3 and C5 to C9 where they are true, by the size of the effects."""
    found: Found = {}
    for size, name in itertools.product(SIZES, ("C3", "C5", "C6", "C7", "C8", "C9")):
        made = acting(name, size, number, seeds)
        rows, _ = table.of_setup(made, OPTIONS, [name])
        found[f"{name} supported, effects of {size:g} s.d. of runs"] = float(rows[0].verdict == "supported")
    return found


def acting(name: str, size: float, number: int, seeds: int) -> Setup:
    """A study in which a claim is true, at effects of `size` standard deviations of a run."""
    sd = np.sqrt(0.7**2 + 1 / LAYERS)
    worse, better = -size * OUTCOME, size * OUTCOME
    acts = truth(
        seeds,
        profiles={"weight_decay": np.full(LAYERS, -max(size, 12.0 if name == "C5" else 0.0) * sd)},
        heads={"augment": size * HEAD, "dropout": -size * HEAD} if name == "C5" else {},
        vendi={"pixels": size * SCORE, simulate.BACKBONE: -size * SCORE},
        outcomes={
            ("test", "synthetic_replace"): worse,
            ("test", "real_add"): better,
            ("ood", "augment"): better,
            ("ece", "augment"): worse,
            ("weighted_trace", "augment"): worse,
        },
    )
    made = drawn(acts, number, 16)
    return scored(made, size, np.random.default_rng([number, 17])) if name == "C8" else made


def scored(made: Setup, size: float, rng: np.random.Generator) -> Setup:
    """The study with weighted Vendi scores that differ at random between conditions and alone move OOD accuracy."""
    space = simulate.BACKBONE, "weighted.score.published"
    scores, ood = made.diversity[space].copy(), made.outcomes["ood"].copy()
    for (family, dose), at in made.design.rows.items():
        if family in DIVERSITY_FAMILIES:
            shift = 0.0 if dose == BASELINE else rng.normal()
            scores[at] = 20 + shift
            ood[at] += size * OUTCOME * shift
    outcomes = {**made.outcomes, "ood": ood}
    return dataclasses.replace(made, outcomes=outcomes, diversity={**made.diversity, space: scores})


def destroyed(number: int, seeds: int) -> Found:
    """Null studies in which a strongest dose destroys what it trains: its large effects must give no verdict.

    C7 looks at destructive doses of synthetic images too, whose test accuracy is as ever here.
    """
    found: Found = {}
    for family in (DIVERSITY, "synthetic_replace"):
        made = drawn(truth(seeds, unequal=2.0), number, 18)
        condition = family, strongest(family)
        at = made.design.rows[condition]
        made.outcomes["val"][at] -= 0.2
        for layers in made.metrics.values():
            layers.hidden[at] += 20
        conditions = destructive.drops(made, OPTIONS).query("destructive")[["family", "dose"]]
        gone = tuple(conditions.itertuples(index=False, name=None))
        rows, _ = table.of_setup(dataclasses.replace(made, destructive=gone), OPTIONS)
        found |= {f"verdict {row.claim}, {family} destroys": float(row.verdict != "undecided") for row in rows}
        found[f"the condition of {family} is found"] = float(gone == (condition,))
    return found


def contested(number: int, seeds: int) -> Found:
    """Null studies of C8 whose scores and outcomes differ between families, independently."""
    rng = np.random.default_rng([number, seeds, 20])
    rows, _ = table.of_setup(of_families(drawn(truth(seeds), number, 22), rng), OPTIONS, ["C8"])
    return {"verdict C8, scores and outcomes are shocks of families": float(rows[0].verdict != "undecided")}


def predicted(number: int, seeds: int) -> Found:
    """Correlations of .6 over eleven conditions of six families, and two measures that predict equally well.

    Everything is a shock of a family with a little of a condition.
    """
    rng = np.random.default_rng([number, seeds, 19])
    families = np.repeat(np.arange(6), [3, 2, 2, 2, 1, 1])
    x, z, noise, *rivals = (rng.normal(size=(5, 6))[:, families] + 0.2 * rng.normal(size=(5, 11))) / np.sqrt(1.04)
    link = prediction.link(x, 0.6 * x + 0.8 * noise, z, families, OPTIONS.level)
    held = prediction.link(x + z, 0.6 * x + 0.8 * noise + 2 * z, z, families, OPTIONS.level)
    y = rivals[0] + rivals[1] + 0.5 * noise
    draws = prediction.resampled(families, rng, OPTIONS.draws)
    contest = prediction.contest(rivals[0], rivals[1], y, families, draws, OPTIONS.level)
    return {
        "correlation": float(link.low <= 0.6 <= link.high),
        "correlation with accuracy held fixed": float(held.partial_low <= 0.6 <= held.partial_high),
        "rejects equal measures": float(contest.p < OPTIONS.alpha),
    }


def overall_power(number: int, seeds: int) -> Found:
    """C3 over four setups, true in two of them and in all."""
    found: Found = {}
    for label, count in (("two of four", 2), ("four of four", 4)):
        rows = []
        for k in range(4):
            made = acting("C3", 12.0 if k < count else 0.0, 4 * number + k, seeds)
            rows += table.of_setup(dataclasses.replace(made, dataset=f"d{k}"), OPTIONS, ["C3"])[0]
        found[f"C3 supported overall, true in {label} setups"] = float(overall(rows, OPTIONS)[0].verdict == "supported")
    return found
