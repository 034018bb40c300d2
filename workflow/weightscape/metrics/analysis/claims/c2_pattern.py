"""C2: the pattern of diversity is nearer to dropout's than to weight decay's.

Profiles over the hidden layers at matched dose are compared by cosine and by distance, and by tests of equivalence. A
family stands for its doses that are not destructive.
"""

from collections.abc import Iterator

from weightscape.families import COMPARED, DECAY, DROPOUT
from weightscape.metrics.analysis.claims.profile_tests import ProfileTests, placed, profile_tests
from weightscape.metrics.analysis.controls import table as controls
from weightscape.metrics.analysis.dose_curves import overlap
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import Setup
from weightscape.metrics.analysis.verdicts import NO_REPLICATES, Decision, Verdict, judge, undecided
from weightscape.words import family as of_family
from weightscape.words import metric as of_metric

STATEMENT = "The pattern of diversity is nearer to dropout's than to weight decay's."
RULE = (
    "supported if, at matched dose, the cosine of augment's profile of the primary metric over the hidden layers with "
    "dropout's exceeds that with weight decay's, all three profiles differ from zero, and augment is nearer to dropout "
    "than to zero; contradicted if the cosine with weight decay's exceeds and augment is nearer to weight decay than "
    "to zero"
)
COUNTS = "runs"
NEEDS = COMPARED
compared = controls.hidden


def decide(setup: Setup, options: Options) -> Decision:
    """The verdict from the difference of two cosines of profiles of the primary metric."""
    unmatched = _unmatched(setup, options)
    layers = {metric: setup.metrics[metric] for metric in options.metrics}
    if setup.esd is not None:
        layers["esd"] = setup.esd
    of_metrics = {
        metric: profile_tests(placed(setup, metric, values, matched=not unmatched), options)
        for metric, values in layers.items()
        if values.hidden.shape[1]
    }
    tests = [test for group in of_metrics.values() for test in group.in_order()]
    judge(tests, options.alpha)
    primary = of_metrics.get(options.primary)
    if primary is None:
        return undecided(setup.metrics[options.primary].lacking(options.primary), tests)
    replicated = _replicated(setup)
    difference = primary.matched if replicated and primary.matched else primary.strongest
    leading = difference.test
    why = next(_obstacles(primary, "" if replicated else NO_REPLICATES, unmatched, options), "")
    if why:
        return undecided(why, tests, leading)
    nearer = primary.nearer[_near(leading.verdict)]
    of_difference = leading.p_holm if leading.verdict is Verdict.CONTRADICTED else leading.numbers.p
    p = [of_difference, *(test.numbers.p for test in primary.nonzero), nearer.numbers.p]
    return Decision(leading.verdict, difference.cosines, leading, tests, max(p))


def _unmatched(setup: Setup, options: Options) -> str:
    """Why the three families have no common level; empty if they have one."""
    if options.match == "diversity":
        return "match: diversity matches data families only, and dropout and weight decay leave the images alone"
    if "level" not in setup.outcomes:
        return f"{of_metric(options.match)} was not measured, so that doses cannot be matched"
    return overlap(setup.design, setup.outcomes["level"], COMPARED, options.alpha)


def _replicated(setup: Setup) -> bool:
    """Whether the baseline and the strongest dose of each family have two runs."""
    design = setup.design
    conditions = [condition for family in COMPARED for condition in design.strongest_effect(family)]
    return min(len(design.rows[condition]) for condition in conditions) > 1


def _near(verdict: Verdict) -> str:
    """The family that diversity resembles, if the difference of cosines has this verdict."""
    return DROPOUT if verdict is Verdict.SUPPORTED else DECAY


def _obstacles(tests: ProfileTests, no_replicates: str, unmatched: str, options: Options) -> Iterator[str]:
    """Yields the obstacles to a verdict, the first one first."""
    if no_replicates:
        yield no_replicates
    if unmatched or tests.matched is None:
        yield f"{unmatched} (at the strongest doses: {tests.strongest.cosines})"
        return
    for test in tests.nonzero:
        if test.verdict is Verdict.UNDECIDED:
            yield f"the profile of {of_family(test.family)} does not differ from zero ({test.reason})"
    difference = tests.matched.test
    if difference.verdict is Verdict.UNDECIDED:
        yield f"the difference of cosines may be zero ({tests.matched.cosines}; {difference.reason})"
    near = _near(difference.verdict)
    if not tests.nearer[near].numbers.low > 0:
        yield f"diversity is not shown to be nearer to {of_family(near)} than to zero"
