"""C1: diversity shifts the spectra with the sign that regularisers do.

A family stands for its strongest dose that is not destructive, diversity for that of the largest embedding Vendi score.
"""

import numpy as np

from weightscape.families import COMPARED, DECAY, DIVERSITY, DROPOUT
from weightscape.metrics.analysis import mixed_model
from weightscape.metrics.analysis.contrasts import contrast, holm
from weightscape.metrics.analysis.controls import table as controls
from weightscape.metrics.analysis.reasons import Lack, Reason
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import Setup
from weightscape.metrics.analysis.verdicts import ClaimTest, Decision, Numbers, Verdict, judge, undecided
from weightscape.metrics.spectral_metrics import unit as unit_of
from weightscape.words import family as of_family
from weightscape.words import metric as of_metric
from weightscape.words import number

STATEMENT = "Diversity shifts the spectra with the sign that regularisers do."
RULE = (
    "supported if the most diverse augment and the strongest dropout and weight decay all move the primary metric "
    "(mean over hidden layers) and to the same side; contradicted if augment moves it opposite to dropout or to weight "
    "decay, Holm's p of the two signs below alpha"
)
COUNTS = "runs"
NEEDS = COMPARED
compared = controls.hidden


def decide(setup: Setup, options: Options) -> Decision:
    """The verdict from the signs of three effects on the primary metric."""
    tests = [
        test
        for metric in options.metrics
        for family in COMPARED
        for test in (*_effects(setup, metric, family, options), *_mixed(setup, metric, family, options))
    ]
    judge(tests, options.alpha)
    deciding = {test.family: test for test in tests if test.decides}
    leading, primary = deciding[DIVERSITY], of_metric(options.primary)
    against = _against(leading, [deciding[DROPOUT], deciding[DECAY]])
    shown = {family: p for family, p in against.items() if p < options.alpha}
    if shown:
        names = " and ".join(map(of_family, shown))
        text = f"diversity moves {primary} opposite to how {names} {'does' if len(shown) == 1 else 'do'}"
        return Decision(Verdict.CONTRADICTED, Reason(text), leading, tests, max(shown.values()))
    unclear = [test for test in deciding.values() if test.verdict is Verdict.UNDECIDED]
    if unclear:
        return undecided(_unclear(unclear[0]), tests, leading)
    opposite = [family for family, p in against.items() if p < 1]
    if opposite:
        names = " and ".join(map(of_family, opposite))
        least = number(min(against.values()), 2)
        return undecided(Lack.OPPOSITE.reason(families=names, p=least), tests, leading)
    text = f"diversity moves {primary} as dropout and weight decay do"
    return Decision(Verdict.SUPPORTED, Reason(text), leading, tests, max(test.numbers.p for test in deciding.values()))


def _against(diversity: ClaimTest, others: list[ClaimTest]) -> dict[str, float]:
    """Holm's p that each family's sign is the opposite of diversity's, which needs both effects; NaN without one."""
    signs = [np.sign(diversity.numbers.estimate * other.numbers.estimate) for other in others]
    largest = [float(np.maximum(diversity.numbers.p, other.numbers.p)) for other in others]
    adjusted = holm([p if sign < 0 or np.isnan(p) else 1.0 for p, sign in zip(largest, signs, strict=True)])
    return {other.family: p for other, p in zip(others, adjusted, strict=True)}


def _unclear(test: ClaimTest) -> Reason:
    if not np.isfinite(test.numbers.p):
        return test.reason
    effect = f"{of_family(test.family)} on {of_metric(test.metric)}"
    return Lack.NO_EFFECT.reason(effect=effect).within(after=f" ({test.reason})")


def _effects(setup: Setup, metric: str, family: str, options: Options) -> list[ClaimTest]:
    """The effect of a family's strongest dose on hidden layers (decides on the primary metric), head and each type."""
    layers, design = setup.metrics[metric], setup.design
    scopes = {"hidden": layers.mean(), "head": layers.head}
    scopes |= {str(kind): layers.mean(str(kind)) for kind in np.unique(layers.kinds)}
    values = np.stack(list(scopes.values()), axis=1)
    effects = contrast(design, values, design.strongest_effect(family), options.level)
    return [
        ClaimTest(
            "effect",
            metric,
            unit_of(metric),
            Numbers.of(effects.column(place)),
            family,
            str(design.strongest(family)),
            scope,
            decides=scope == "hidden" and metric == options.primary,
            note=Reason(layers.lacking(metric) if scope != "head" else ""),
        )
        for place, scope in enumerate(scopes)
    ]


def _mixed(setup: Setup, metric: str, family: str, options: Options) -> list[ClaimTest]:
    """The same effect by the mixed model of all hidden layers; nothing without layers."""
    layers, dose = setup.metrics[metric], str(setup.design.strongest(family))
    if layers.lacking(metric):
        return []
    fit = mixed_model.fit(setup.design, layers.hidden, family, dose, options.level)
    runs = setup.design.runs_of(setup.design.strongest_effect(family))
    numbers = Numbers(fit.value, fit.low, fit.high, fit.df, fit.statistic, fit.p, runs)
    unit = unit_of(metric)
    return [ClaimTest("mixed model", metric, unit, numbers, family, dose, decides=False, note=Reason(fit.why))]
