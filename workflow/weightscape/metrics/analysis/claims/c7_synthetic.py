"""C7: real and synthetic together beat replacing; all-synthetic hurts; diversity helps OOD most."""

from weightscape.families import CONTROL_FAMILIES, DIVERSITY, SYNTHETIC_FAMILIES
from weightscape.metrics.analysis.contrasts import contrast
from weightscape.metrics.analysis.controls import table as controls
from weightscape.metrics.analysis.design import difference
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import Setup
from weightscape.metrics.analysis.verdicts import ClaimTest, Decision, Numbers, all_of, judge, undecided
from weightscape.words import family as of_family

STATEMENT = "Real and synthetic together beat replacing; all-synthetic hurts; diversity helps OOD most."
RULE = (
    "supported if adding synthetic images gives higher test accuracy than replacing real ones at the largest common "
    "share, replacing all lowers it, and the most diverse augment raises OOD accuracy and by more than every other "
    "family that is no control; contradicted if one part has the opposite sign"
)
COUNTS = "runs"
ADDED, REPLACED = SYNTHETIC_FAMILIES
NEEDS = SYNTHETIC_FAMILIES
compared = controls.outcomes("test")


def decide(setup: Setup, options: Options) -> Decision:
    """The verdict from three questions of accuracy."""
    if "test" not in setup.outcomes:
        return undecided("test accuracy was not measured")
    tests = [_adding(setup, options), _replacing(setup, options), *_most(setup, options)]
    judge(tests, options.alpha)
    return all_of(tests, tests, tests[0])


def _adding(setup: Setup, options: Options) -> ClaimTest:
    """Adding synthetic images less replacing real ones by them, at the largest share that both have."""
    test = ClaimTest("adding less replacing", "test accuracy", "share", scope="outcome", expects=1)
    design = setup.design
    doses = {
        family: {design.numbers[family, dose]: dose for dose in design.doses(family)} for family in SYNTHETIC_FAMILIES
    }
    shares = set(doses[ADDED]) & set(doses[REPLACED])
    if not shares:
        test.note = "no share was both added and replaced"
        return test
    added, replaced = (design.effect(family, doses[family][max(shares)]) for family in SYNTHETIC_FAMILIES)
    test.family, test.dose = ADDED, doses[ADDED][max(shares)]
    test.numbers = Numbers.of(contrast(design, setup.outcomes["test"], difference(added, replaced), options.level))
    return test


def _replacing(setup: Setup, options: Options) -> ClaimTest:
    """The effect of training on synthetic images alone, also if that is destructive."""
    test = ClaimTest("all synthetic", "test accuracy", "share", family=REPLACED, scope="outcome", expects=-1)
    design = setup.all_conditions
    whole = [dose for dose in design.doses(REPLACED) if design.numbers[REPLACED, dose] >= 1]
    if not whole:
        test.note = "no dose replaces all real images"
        return test
    test.dose = whole[0]
    weights = design.effect(REPLACED, whole[0])
    test.numbers = Numbers.of(contrast(design, setup.outcomes["test"], weights, options.level))
    return test


def _most(setup: Setup, options: Options) -> list[ClaimTest]:
    """The effect of diversity on OOD accuracy, alone and less that of every other family (each must be below)."""
    design = setup.design
    why = setup.missing(DIVERSITY)
    if not why and "ood" not in setup.outcomes:
        why = "no set is out of distribution for every family"
    others = [f for f in design.families if f not in (DIVERSITY, *CONTROL_FAMILIES) and not setup.missing(f)]
    if not why and not others:
        why = "there is no other family"
    question, dose = "diversity on OOD", "" if why else str(design.strongest(DIVERSITY))
    common = {"family": DIVERSITY, "dose": dose, "scope": "outcome", "expects": 1}
    if why:
        return [ClaimTest(question, "OOD accuracy", "share", **common, note=why)]
    effect = design.strongest_effect(DIVERSITY)
    contrasts = {question: effect} | {
        f"diversity less {of_family(family)} on OOD": difference(effect, design.strongest_effect(family))
        for family in others
    }
    return [
        ClaimTest(
            text,
            "OOD accuracy",
            "share",
            Numbers.of(contrast(design, setup.outcomes["ood"], weights, options.level)),
            **common,
        )
        for text, weights in contrasts.items()
    ]
