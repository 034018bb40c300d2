"""C9: calibration improves with diversity and curvature falls.

Curvature is that of the loss on held-out images (on training images it would follow their loss), as a logarithm.
"""

from dataclasses import replace

import numpy as np

from weightscape.families import DIVERSITY
from weightscape.metrics.analysis.contrasts import contrast
from weightscape.metrics.analysis.controls import table as controls
from weightscape.metrics.analysis.design import Weights
from weightscape.metrics.analysis.reasons import NONE, Lack, Reason
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import LOGARITHMS, Setup
from weightscape.metrics.analysis.verdicts import ClaimTest, Decision, Numbers, all_of, judge, undecided
from weightscape.words import number

STATEMENT = "Calibration improves with diversity and curvature falls."
RULE = (
    "supported if the most diverse augment lowers the expected calibration error and the logarithm of the "
    "sum over layers of (|w|^2 / d) tr H on held-out images; contradicted if it raises one of them"
)
COUNTS = "runs"
CALIBRATION, CURVATURE = "ece", "weighted_trace"
METRICS = {
    CALIBRATION: ("ECE", "share"),
    CURVATURE: ("ln curvature", "ln of the sum of (|w|^2 / d) tr H"),
    "trace": ("ln trace of the Hessian", "ln"),
    "largest_eigenvalue": ("ln largest eigenvalue of the Hessian", "ln"),
    "batch_loss": ("loss on the curvature batch", "nats"),
}
"""Name and unit of what is tested; the first two decide."""
LEAST_PROBES = 16
NEEDS = (DIVERSITY,)
compared = controls.outcomes(CALIBRATION, CURVATURE)


def decide(setup: Setup, options: Options) -> Decision:
    """The verdict from the effect of diversity on the calibration error and on the curvature."""
    tests = {outcome: _effect(setup, outcome, options) for outcome in METRICS if outcome in setup.outcomes}
    every = list(tests.values())
    judge(every, options.alpha)
    calibration, curvature = tests.get(CALIBRATION), tests.get(CURVATURE)
    if calibration is None:
        return undecided(Lack.NOT_MEASURED.reason(what="the calibration error"), every)
    if curvature is None:
        return undecided(Lack.NO_CURVATURE.reason(calibration=calibration.verdict), every, calibration)
    probes = setup.outcomes.get("probes", np.full(1, np.nan))
    if (probes < LEAST_PROBES).any():
        few = Lack.FEW_PROBES.reason(probes=f"{np.nanmin(probes):.0f}", least=LEAST_PROBES)
        return undecided(few, every, calibration)
    decision = all_of(every, [calibration, curvature], calibration)
    error = probe_error(setup, CURVATURE, setup.design.strongest_effect(DIVERSITY))
    if not np.isfinite(error):
        return decision
    size = (
        f"ln curvature {number(curvature.numbers.estimate, 3)}, standard error from probes at most {number(error, 2)}"
    )
    return replace(decision, reason=decision.reason.within(after=f"; {size}"))


def _effect(setup: Setup, outcome: str, options: Options) -> ClaimTest:
    """The effect of the most diverse augment on one outcome."""
    weights = setup.design.strongest_effect(DIVERSITY)
    decides = outcome in (CALIBRATION, CURVATURE)
    error = probe_error(setup, outcome, weights)
    note = Reason(f"standard error from probes at most {number(error, 2)}") if np.isfinite(error) else NONE
    return ClaimTest(
        "effect",
        *METRICS[outcome],
        Numbers.of(contrast(setup.design, setup.outcomes[outcome], weights, options.level)),
        DIVERSITY,
        str(setup.design.strongest(DIVERSITY)),
        "outcome",
        expects=-1 if decides else 0,
        decides=decides,
        note=_no_logarithm(setup, outcome, weights) or note,
    )


def _no_logarithm(setup: Setup, outcome: str, weights: Weights) -> Reason:
    """In how many of the compared runs a curvature has a logarithm, if only in some; else none."""
    known = np.isfinite(np.concatenate([setup.outcomes[outcome][setup.design.rows[c]] for c in weights]))
    if outcome not in LOGARITHMS or known.all() or not known.any():
        return NONE
    return Lack.NO_LOGARITHM.reason(value=METRICS[outcome][0].removeprefix("ln "), known=known.sum(), runs=len(known))


def probe_error(setup: Setup, outcome: str, weights: Weights) -> float:
    """Standard error of a contrast of traces that comes from their random directions; NaN if it is not known.

    Runs share their directions, whose error cancels in part: an upper bound, as if each run had its own.
    """
    errors = setup.outcomes.get(f"{outcome}_error")
    if errors is None or outcome == "largest_eigenvalue":
        return float("nan")
    of_conditions = [(weight, errors[setup.design.rows[c]]) for c, weight in weights.items() if weight]
    return float(np.sqrt(sum(w**2 * float(np.sum(error**2)) / len(error) ** 2 for w, error in of_conditions)))
