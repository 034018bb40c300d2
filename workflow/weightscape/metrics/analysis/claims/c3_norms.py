"""C3: weight decay differs by shrinking norms, in hidden layers.

A family stands for its strongest dose that is not destructive. Decoupled decay shrinks weights by arithmetic,
prod(1 - rate x decay); so beside the norm stands that of the update without shrinkage, W - c W0 with
c = <W, W0> / <W0, W0>, which decides nothing.
"""

from collections.abc import Mapping
from dataclasses import replace

from weightscape.families import COMPARED, DECAY
from weightscape.metrics.analysis.contrasts import contrast
from weightscape.metrics.analysis.controls import table as controls
from weightscape.metrics.analysis.design import Weights, difference
from weightscape.metrics.analysis.reasons import Reason
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import Setup
from weightscape.metrics.analysis.verdicts import ClaimTest, Decision, Numbers, Verdict, all_of, judge, undecided
from weightscape.metrics.spectral_metrics import NORMS, unit
from weightscape.words import metric as of_metric
from weightscape.words import number

STATEMENT = "Weight decay differs by shrinking norms, in hidden layers."
RULE = (
    "supported if the strongest weight decay lowers the log10 norm (mean over hidden layers), and by more than augment "
    "and than dropout do; contradicted if one of the three has the opposite sign"
)
COUNTS = "runs"
NEEDS = COMPARED
FREE, KEPT = "log_free_norm", "kept_share"
"""Outcomes: log10 norm of the update without shrinkage, and c, means over the hidden layers."""
compared = controls.hidden


def decide(setup: Setup, options: Options) -> Decision:
    """The verdict from the effect of weight decay on the first norm, alone and less that of each other family."""
    design = setup.design
    effects = {family: design.strongest_effect(family) for family in COMPARED}
    contrasts = {"effect": effects[DECAY]} | {
        f"weight decay less {family}": difference(effects[DECAY], effects[family])
        for family in COMPARED
        if family != DECAY
    }
    tests = [
        ClaimTest(
            question,
            metric,
            unit(metric),
            Numbers.of(contrast(design, setup.metrics[metric].mean(), weights, options.level)),
            DECAY,
            str(design.strongest(DECAY)),
            expects=-1,
            decides=metric == NORMS[0],
            note=Reason(setup.metrics[metric].lacking(metric)),
        )
        for metric in NORMS
        if metric in options.metrics
        for question, weights in contrasts.items()
    ]
    free = _free(setup, contrasts, options)
    tests += free
    judge(tests, options.alpha)
    deciding = [test for test in tests if test.decides]
    if not deciding:
        return undecided(Reason(f"{of_metric(NORMS[0])} is not among the metrics"), tests)
    decision = all_of(tests, deciding, deciding[0])
    return replace(decision, reason=decision.reason.within(after=f"; {_kept(setup, free[0])}")) if free else decision


def _free(setup: Setup, contrasts: Mapping[str, Weights], options: Options) -> list[ClaimTest]:
    """The same contrasts of the update without shrinkage, W - c W0; none where it was not measured."""
    if not {FREE, KEPT} <= set(setup.outcomes):
        return []
    return [
        ClaimTest(
            f"{question}, update without shrinkage",
            FREE,
            unit(NORMS[0]),
            Numbers.of(contrast(setup.design, setup.outcomes[FREE], weights, options.level)),
            DECAY,
            str(setup.design.strongest(DECAY)),
            decides=False,
        )
        for question, weights in contrasts.items()
    ]


def _kept(setup: Setup, free: ClaimTest) -> str:
    """One clause: the share of the start that is kept, and whether decay does more than shrink."""
    dosed, reference = (setup.design.rows[c] for c in setup.design.strongest_effect(DECAY))
    kept, without = (float(setup.outcomes[KEPT][rows].mean()) for rows in (dosed, reference))
    size = "not told from zero" if free.verdict is Verdict.UNDECIDED else number(free.numbers.estimate, 3)
    return (
        f"weights keep {number(kept, 3)} of where they started ({number(without, 3)} without decay), which decoupled "
        f"decay does by arithmetic; the effect on the update without it is {size}"
    )
