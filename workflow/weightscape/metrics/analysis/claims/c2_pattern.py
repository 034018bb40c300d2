"""C2: the pattern of diversity is nearer to dropout's than to weight decay's.

The effect of diversity on a vector of features is regressed on the signatures of dropout and weight decay, beside those
of steps, label noise and (negated) duplicates, which may explain it as well (`signature`, `features`). Doses need not
match: signatures have unit length.
"""

from dataclasses import replace

import numpy as np

from weightscape.families import COMPARED, DIVERSITY
from weightscape.metrics.analysis import equal_loss
from weightscape.metrics.analysis.claims.equivalence import equivalence
from weightscape.metrics.analysis.contrasts import Interval
from weightscape.metrics.analysis.features import Scope, measures, scopes
from weightscape.metrics.analysis.reasons import NONE, Lack, Reason
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import Setup
from weightscape.metrics.analysis.verdicts import ClaimTest, Decision, Numbers, Verdict, judge, undecided
from weightscape.words import family as of_family
from weightscape.words import scope, signed

STATEMENT = "The pattern of diversity is nearer to dropout's than to weight decay's."
RULE = (
    "supported if in every scope that the config names the coefficient of dropout's signature in diversity's exceeds "
    "weight decay's, beside those of steps, label noise and negated duplicates, also without any one feature; "
    "contradicted if in every such scope weight decay's exceeds; neither if steps or label noise explain as much"
)
COUNTS = "runs"
NEEDS = COMPARED
compared = measures
COMPETING = ("steps", "label_noise")
"""They take the verdict if they explain diversity as well as its winner; duplicates are its opposite by design."""
QUESTION = "dropout's coefficient less weight decay's"


def decide(setup: Setup, options: Options) -> Decision:
    """The verdict from the difference of two coefficients in each scope that the claim names."""
    found = {each.name: each for each in scopes(setup, options)}
    differences = {name: _difference(setup, each, options) for name, each in found.items()}
    tests = [*differences.values(), *(test for each in found.values() for test in _beside(each, options))]
    tests += [*_at_equal_loss(setup, options), *equivalence(setup, options)]
    judge(tests, options.alpha)
    named = [found[name] for name in options.signature.claim]
    return replace(_decided(named, [differences[each.name] for each in named], tests, options), all_agree=True)


def _decided(named: list[Scope], deciding: list[ClaimTest], tests: list[ClaimTest], options: Options) -> Decision:
    """The verdict from the differences in the scopes that the claim names, which must all agree."""
    unclear = next((test for test in deciding if not test.numbers.p < options.alpha), None)
    if unclear is not None:
        general = len({_unclear(test) for test in deciding}) == 1
        where = "" if general else f"{scope(unclear.scope)}: "
        return undecided(_unclear(unclear).within(where), tests, unclear)
    sides = {float(np.sign(test.numbers.estimate)) for test in deciding}
    texts = "; ".join(f"{scope(test.scope)}: {test.note}" for test in deciding)
    if len(sides) > 1:
        return undecided(Reason(f"the scopes disagree ({texts})"), tests, deciding[0])
    verdict = Verdict.SUPPORTED if sides == {1.0} else Verdict.CONTRADICTED
    winner = int(verdict is Verdict.CONTRADICTED)
    why = next(filter(None, (_unspecific(each, winner, options) for each in named)), None)
    if why is not None:
        return undecided(why.within(after=f" ({texts})"), tests, deciding[0])
    return Decision(verdict, Reason(texts), deciding[0], tests, max(test.numbers.p for test in deciding))


def _unspecific(found: Scope, winner: int, options: Options) -> Reason:
    """One clause if steps or label noise explain diversity as well as the winner does; else none."""
    for at, family in enumerate(found.used):
        if found.regression is None or family not in COMPETING:
            continue
        if not found.regression.contrast({winner: 1.0, at: -1.0}, options.level).low > 0:
            like = of_family(found.used[winner])
            return Lack.NOT_SPECIFIC.reason(scope=scope(found.name), family=of_family(family), winner=like)
    return NONE


def _unclear(test: ClaimTest) -> Reason:
    if not np.isfinite(test.numbers.estimate):
        return test.note
    return Reason(f"the coefficients of dropout and weight decay are not told apart ({test.note})")


def _difference(setup: Setup, found: Scope, options: Options) -> ClaimTest:
    """Dropout's coefficient less weight decay's; its p is the largest of all features and each one left out."""
    runs = setup.design.runs_of({c: 1.0 for family in COMPARED for c in setup.design.strongest_effect(family)})
    test = ClaimTest(QUESTION, "signature", "shares of length", Numbers(n=runs), DIVERSITY, "", found.name, expects=1)
    test.decides = found.name in options.signature.claim
    if found.regression is None:
        test.note = found.why
        return test
    whole, *without = found.differences(options.level)
    p = _largest([whole, *without])
    test.numbers = Numbers(whole.value, whole.low, whole.high, found.regression.df, p=p, n=runs)
    dropout, decay = (found.regression.coefficient(at, options.level) for at in (0, 1))
    values = [each.value for each in without]
    test.note = Reason(
        f"coefficient of dropout {_text(dropout)}, of weight decay {_text(decay)}; their difference without one "
        f"feature {signed(np.min(values), 2)} to {signed(np.max(values), 2)}"
    )
    return test


def _largest(differences: list[Interval]) -> float:
    """The largest p of the difference, with and without each feature; 1 if its sign depends on one."""
    same = len({float(np.sign(each.value)) for each in differences}) == 1
    return max(each.p for each in differences) if same else 1.0


def _text(value: Interval) -> str:
    return f"{signed(value.value, 2)} ({signed(value.low, 2)} to {signed(value.high, 2)})"


def _beside(found: Scope, options: Options) -> list[ClaimTest]:
    """Tests that decide nothing: is each effect there, each coefficient, and a part of diversity's own."""
    where = {"scope": found.name, "decides": False}
    tests = [
        ClaimTest("signature differs from zero", "signature", "", Numbers(p=p), family, **where)
        for family, p in found.p.items()
    ]
    if found.regression is None:
        return tests
    for at, family in enumerate(found.used):
        value = found.regression.coefficient(at, options.level)
        numbers = Numbers(value.value, value.low, value.high, found.regression.df, p=value.p)
        tests.append(ClaimTest("coefficient", "signature", "shares of length", numbers, family, **where))
    own = found.regression.own(options.level)
    numbers = Numbers(own.value, own.low, own.high, found.regression.df, p=found.regression.own_p)
    tests.append(ClaimTest("part of its own", "signature", "share of squared length", numbers, DIVERSITY, **where))
    return tests


def _at_equal_loss(setup: Setup, options: Options) -> list[ClaimTest]:
    """Effects on the primary metric at equal training loss, which decide nothing."""
    rows = equal_loss.table(setup, options)
    rows = rows[(rows["metric"] == options.primary) & (rows["scope"] != "head")] if len(rows) else rows
    of_line, tests = dict.fromkeys(equal_loss.points(setup), 1.0), []
    for row in rows.to_dict("records"):
        runs = setup.design.runs_of({**of_line, (str(row["family"]), str(row["dose"])): 1.0})
        numbers = Numbers(*(float(row[name]) for name in ("estimate", "low", "high")), p=float(row["p"]))
        numbers = replace(numbers, df=float(row["conditions"] - 2), n=runs)
        note = f"a line through {row['conditions']} conditions"
        note += ", whose losses do not reach that far" if row["outside"] else ""
        metric, unit, family, dose = (str(row[name]) for name in ("metric", "unit", "family", "dose"))
        test = ClaimTest("effect at equal training loss", metric, unit, numbers, family, dose, str(row["scope"]))
        test.decides, test.note = False, Reason(note)
        tests.append(test)
    return tests
