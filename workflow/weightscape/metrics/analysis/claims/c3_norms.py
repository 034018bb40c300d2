"""C3: weight decay differs by shrinking norms, in hidden layers.

A family stands for its strongest dose that is not destructive.
"""

from weightscape.families import COMPARED, DECAY
from weightscape.metrics.analysis.contrasts import contrast
from weightscape.metrics.analysis.controls import table as controls
from weightscape.metrics.analysis.design import difference
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import Setup
from weightscape.metrics.analysis.verdicts import ClaimTest, Decision, Numbers, all_of, judge, undecided
from weightscape.metrics.spectral_metrics import NORMS, unit
from weightscape.words import metric as of_metric

STATEMENT = "Weight decay differs by shrinking norms, in hidden layers."
RULE = (
    "supported if the strongest weight decay lowers the log10 norm (mean over hidden layers), and by more than augment "
    "and than dropout do; contradicted if one of the three has the opposite sign"
)
COUNTS = "runs"
NEEDS = COMPARED
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
            note=setup.metrics[metric].lacking(metric),
        )
        for metric in NORMS
        if metric in options.metrics
        for question, weights in contrasts.items()
    ]
    judge(tests, options.alpha)
    deciding = [test for test in tests if test.metric == NORMS[0]]
    if not deciding:
        return undecided(f"{of_metric(NORMS[0])} is not among the metrics", tests)
    return all_of(tests, deciding, deciding[0])
