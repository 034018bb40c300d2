"""C7: real and synthetic together beat replacing; all-synthetic hurts; diversity helps OOD most."""

from weightscape.families import CONTROL_FAMILIES, DIVERSITY, SYNTHETIC_FAMILIES
from weightscape.metrics.analysis.contrasts import contrast
from weightscape.metrics.analysis.controls import table as controls
from weightscape.metrics.analysis.design import Design, average, difference
from weightscape.metrics.analysis.reasons import Lack, Reason
from weightscape.metrics.analysis.settings import Offered, Options
from weightscape.metrics.analysis.setups import Setup
from weightscape.metrics.analysis.verdicts import ClaimTest, Decision, Numbers, all_of, judge, undecided
from weightscape.words import family as of_family

STATEMENT = "Real and synthetic together beat replacing; all-synthetic hurts; diversity helps OOD most."
RULE = (
    "supported if adding synthetic images gives higher test accuracy than replacing real ones at the largest common "
    "share, in doses that do not choose images by their diversity, replacing all lowers it, and the most diverse "
    "augment raises OOD accuracy and by more than every other family that is no control; contradicted if one part has "
    "the opposite sign"
)
COUNTS = "runs"
ADDED, REPLACED = SYNTHETIC_FAMILIES
NEEDS = SYNTHETIC_FAMILIES
compared = controls.outcomes("test", "ood")


def decide(setup: Setup, options: Options) -> Decision:
    """The verdict from three questions of accuracy."""
    if "test" not in setup.outcomes:
        return undecided(Lack.NOT_MEASURED.reason(what="test accuracy"))
    tests = [_adding(setup, options), _replacing(setup, options), *_most(setup, options)]
    judge(tests, options.alpha)
    return all_of(tests, tests, tests[0])


def _adding(setup: Setup, options: Options) -> ClaimTest:
    """Adding synthetic images less replacing real ones by them, at the largest share that both have.

    Where doses of that share take images of several recipes, or with and without a gate, it is the mean over these.
    """
    test = ClaimTest("adding less replacing", "test accuracy", "share", scope="outcome", expects=1)
    design = setup.design
    added, replaced = (_by_images(design, family, options) for family in SYNTHETIC_FAMILIES)
    common = set(added) & set(replaced)
    if not common:
        test.note = Reason("no share was both added and replaced")
        return test
    largest = [images for images in added if images in common and images.share == max(each.share for each in common)]
    test.family, test.dose = ADDED, ", ".join(dose for images in largest for dose in added[images])
    effects = [
        difference(*(average([design.effect(family, dose) for dose in doses]) for family, doses in pair.items()))
        for pair in ({ADDED: added[images], REPLACED: replaced[images]} for images in largest)
    ]
    test.numbers = Numbers.of(contrast(design, setup.outcomes["test"], average(effects), options.level))
    return test


def _by_images(design: Design, family: str, options: Options) -> dict[Offered, list[str]]:
    """The doses that do not choose images by their diversity, by the share and the kind of the images they take."""
    further = {each.dose: each.offered for each in options.further if each.family == family}
    found: dict[Offered, list[str]] = {}
    for dose in design.plain(family):
        found.setdefault(further.get(dose, Offered(design.numbers[family, dose])), []).append(dose)
    return found


def _replacing(setup: Setup, options: Options) -> ClaimTest:
    """The effect of training on synthetic images alone, also if that is destructive."""
    test = ClaimTest("all synthetic", "test accuracy", "share", family=REPLACED, scope="outcome", expects=-1)
    design = setup.all_conditions
    found = _by_images(design, REPLACED, options)
    whole = [dose for images, doses in found.items() if images.share >= 1 for dose in doses]
    if not whole:
        test.note = Reason("no dose replaces all real images")
        return test
    test.dose = ", ".join(whole)
    weights = average([design.effect(REPLACED, dose) for dose in whole])
    test.numbers = Numbers.of(contrast(design, setup.outcomes["test"], weights, options.level))
    return test


def _most(setup: Setup, options: Options) -> list[ClaimTest]:
    """The effect of diversity on OOD accuracy, alone and less that of every other family (each must be below)."""
    design = setup.design
    why = setup.missing(DIVERSITY)
    if not why and "ood" not in setup.outcomes:
        why = Reason("no set is out of distribution for every family")
    others = [f for f in design.families if f not in (DIVERSITY, *CONTROL_FAMILIES) and not setup.missing(f)]
    if not why and not others:
        why = Reason("there is no other family")
    question, dose = "diversity", "" if why else str(design.strongest(DIVERSITY))
    common = {"family": DIVERSITY, "dose": dose, "scope": "outcome", "expects": 1}
    if why:
        return [ClaimTest(question, "OOD accuracy", "share", **common, note=why)]
    effect = design.strongest_effect(DIVERSITY)
    contrasts = {question: effect} | {
        f"diversity less {of_family(family)}": difference(effect, design.strongest_effect(family)) for family in others
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
