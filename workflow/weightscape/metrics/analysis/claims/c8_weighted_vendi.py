"""C8: the weighted Vendi score explains accuracy for augmentation and synthetic data alike.

It must beat the Vendi score, rho and dose each alone, and the plain mean. To lose to the plain mean is what any line
through noise does, and contradicts nothing.
"""

import zlib
from collections.abc import Mapping

import numpy as np

from weightscape.families import neutral
from weightscape.metrics.analysis import prediction
from weightscape.metrics.analysis.contrasts import Values
from weightscape.metrics.analysis.controls import table as controls
from weightscape.metrics.analysis.design import Condition
from weightscape.metrics.analysis.reasons import Lack
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import Setup
from weightscape.metrics.analysis.verdicts import ClaimTest, Decision, Numbers, all_of, judge, undecided

STATEMENT = "The weighted Vendi score explains accuracy for augmentation and synthetic data alike."
RULE = (
    "supported if over all families that change the images the weighted Vendi score predicts the OOD accuracy of a "
    "family left out with a lower squared error than the Vendi score, rho, the dose and the plain mean each do; "
    "contradicted if it has a higher one than the score, rho or the dose"
)
COUNTS = "conditions"
SCORES = {
    "weighted Vendi": "weighted.score.published",
    "Vendi": "vendi_whole_1",
    "rho": "weighted.rho.published",
}
NOTHING = "nothing"
"""The rival that predicts the plain mean."""
RIVALS = ("Vendi", "rho", "dose", NOTHING)
NEEDS = ()
compared = controls.outcomes("ood")


def decide(setup: Setup, options: Options) -> Decision:
    """The verdict from contests of the weighted score with each rival on OOD accuracy."""
    scores = {name: (setup.backbone, measure) for name, measure in SCORES.items()}
    lost = [name for name, key in scores.items() if key not in setup.diversity]
    if lost:
        return undecided(Lack.NOT_MEASURED.reason(what=f"{lost[0]} in the space {setup.backbone}"))
    values = {name: setup.diversity[key] for name, key in scores.items()}
    conditions = prediction.measured_conditions(setup, list(values.values()))
    families = len({family for family, _ in conditions})
    if families < prediction.LEAST_FAMILIES or len(conditions) < prediction.LEAST_CONDITIONS:
        least = {"least_families": prediction.LEAST_FAMILIES, "least_conditions": prediction.LEAST_CONDITIONS}
        return undecided(Lack.FEW_FAMILIES.reason(families=families, conditions=len(conditions), **least))
    tests = _contests(setup, _predictors(setup, values, conditions), conditions, options)
    judge(tests, options.alpha)
    deciding = [test for test in tests if test.decides]
    if not deciding:
        return undecided(Lack.NOT_MEASURED.reason(what="OOD accuracy"), tests)
    return all_of(tests, deciding, deciding[0])


def _predictors(setup: Setup, scores: Mapping[str, Values], conditions: list[Condition]) -> dict[str, Values]:
    """Returns the predictors of each condition's outcome: scores, the dose as a share of the strongest, and nothing."""
    predictors = {name: prediction.relative(setup, values, conditions) for name, values in scores.items()}
    sizes = {(family, dose): _size(family, setup.design.numbers[family, dose]) for family, dose in conditions}
    strongest = {family: max(sizes[c] for c in conditions if c[0] == family) for family, _ in conditions}
    predictors["dose"] = np.array([sizes[c] / strongest[c[0]] for c in conditions])
    return predictors | {NOTHING: np.zeros(len(conditions))}


def _size(family: str, number: float) -> float:
    """The size of a dose: its distance from the baseline's number, or, if the baseline has none, its inverse."""
    return abs(number - neutral(family)) if np.isfinite(neutral(family)) else 1 / number


def _contests(
    setup: Setup, predictors: Mapping[str, Values], conditions: list[Condition], options: Options
) -> list[ClaimTest]:
    """The weighted score against each rival on OOD accuracy, which decides, and on test accuracy."""
    families = np.array([family for family, _ in conditions])
    seeds = [options.seed, zlib.crc32(f"{setup.dataset}/{setup.backbone}/C8".encode())]
    draws = prediction.resampled(families, np.random.default_rng(seeds), options.draws)
    tests = []
    for outcome in [name for name in ("ood", "test") if name in setup.outcomes]:
        y = prediction.relative(setup, setup.outcomes[outcome], conditions)
        if not np.isfinite(y).all():
            continue
        for rival in RIVALS:
            weighted = predictors["weighted Vendi"]
            contest = prediction.contest(weighted, predictors[rival], y, families, draws, options.level)
            p = 1.0 if rival == NOTHING and contest.value > 0 else contest.p
            tests.append(
                ClaimTest(
                    f"error of weighted Vendi less that of {rival}",
                    f"{outcome} accuracy",
                    "squared share",
                    Numbers(contest.value, contest.low, contest.high, p=p, n=len(conditions)),
                    scope="outcome",
                    expects=-1,
                    decides=outcome == "ood",
                )
            )
    return tests
