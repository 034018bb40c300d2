"""The tests of C2 on one metric: profiles of diversity, dropout and weight decay over the hidden layers."""

from dataclasses import dataclass, replace

import numpy as np

from weightscape.families import COMPARED, DECAY, DIVERSITY, DROPOUT
from weightscape.metrics.analysis import similarity
from weightscape.metrics.analysis.contrasts import Values, two_one_sided, upper_bound
from weightscape.metrics.analysis.dose_curves import Curve, coefficients, common_level
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import Layers, Setup
from weightscape.metrics.analysis.similarity import Jackknifed
from weightscape.metrics.analysis.verdicts import ClaimTest, Numbers
from weightscape.metrics.spectral_metrics import unit
from weightscape.words import number, signed


@dataclass(frozen=True)
class Difference:
    """The test of cos(diversity, dropout) - cos(diversity, weight decay), and the two cosines in words."""

    test: ClaimTest
    cosines: str


@dataclass(frozen=True)
class ProfileTests:
    """All tests of one metric; those by family have its name as key, `matched` needs a common level."""

    nonzero: list[ClaimTest]
    strongest: Difference
    matched: Difference | None
    nearer: dict[str, ClaimTest]
    equivalent: list[ClaimTest]

    def in_order(self) -> list[ClaimTest]:
        """The tests as the table lists them."""
        differences = [self.strongest.test, *([self.matched.test] if self.matched else [])]
        return [*self.nonzero, *differences, *self.nearer.values(), *self.equivalent]


@dataclass(frozen=True)
class Placed:
    """The compared families' curves of one metric, placed at their common level or at their strongest doses."""

    setup: Setup
    metric: str
    layers: Layers
    levels: Values
    scaled: Values
    is_matched: bool

    @property
    def where(self) -> str:
        """The word for the dose in the table."""
        return "matched" if self.is_matched else "strongest"

    @property
    def place(self) -> similarity.Placing:
        """How profiles are made of the curves."""
        return similarity.matched if self.is_matched else similarity.last

    def full(self, profiles: Values, families: tuple[str, ...] = COMPARED) -> list[Curve]:
        """The curves of profiles [runs, layers] over all doses."""
        return [Curve.of(self.setup.design, family, profiles, self.levels) for family in families]

    def single(self, profiles: Values, families: tuple[str, ...] = COMPARED) -> list[Curve]:
        """The curves with the strongest dose alone."""
        doses = [str(self.setup.design.strongest(family)) for family in families]
        return [curve.single(dose) for curve, dose in zip(self.full(profiles, families), doses, strict=True)]

    def curves(self, profiles: Values, families: tuple[str, ...] = COMPARED) -> list[Curve]:
        """The curves that `place` takes."""
        return (self.full if self.is_matched else self.single)(profiles, families)

    def runs(self, families: tuple[str, ...] = COMPARED) -> int:
        """The number of runs in these curves."""
        used = {c for curve in self.curves(self.scaled, families) for c in curve.conditions}
        return self.setup.design.runs_of(dict.fromkeys(used, 1.0))


def placed(setup: Setup, metric: str, layers: Layers, matched: bool) -> Placed:
    """The families' curves of one metric; levels that were not measured count as zero."""
    profiles = similarity.scaled(setup.design, layers.hidden)
    levels = setup.outcomes.get("level", np.zeros(len(profiles)))
    return Placed(setup, metric, layers, levels, profiles, matched)


def profile_tests(families: Placed, options: Options) -> ProfileTests:
    """All tests of one metric."""
    strongest = similarity.jackknife(families.single(families.scaled), similarity.last, similarity.comparison)
    comparison = strongest
    matched = None
    if families.is_matched:
        comparison = similarity.jackknife(families.full(families.scaled), similarity.matched, similarity.comparison)
        matched = _difference(families, "similarity at matched dose", comparison, options)
    alone = _difference(families, "similarity at strongest doses", strongest, options)
    alone.test.dose, alone.test.decides = "strongest", False
    return ProfileTests(
        nonzero=_nonzero(families, options),
        strongest=alone,
        matched=matched,
        nearer=_nearer(families, comparison, options),
        equivalent=_equivalent(families, options) if families.metric != "esd" else [],
    )


def _nonzero(families: Placed, options: Options) -> list[ClaimTest]:
    """Does the profile of each family differ from zero?"""
    design = families.setup.design
    weights = {family: design.strongest_effect(family) for family in COMPARED}
    if families.is_matched:
        curves = families.full(families.scaled)
        means = [[float(levels.mean()) for levels in curve.levels] for curve in curves]
        level = common_level(means)
        for family, curve, of_doses in zip(COMPARED, curves, means, strict=True):
            placing = coefficients(of_doses, level) if level is not None else None
            if placing is not None:
                weights[family] = {c: float(w) for c, w in zip(curve.conditions, placing, strict=True) if w}
    tests = []
    for family in COMPARED:
        statistic, df, p = similarity.differs(design, families.scaled, weights[family])
        numbers = Numbers(statistic, df=df, statistic=statistic, p=p, n=design.runs_of(weights[family]))
        test = ClaimTest("profile differs from zero", families.metric, "F", numbers, family, families.where)
        test.decides = families.metric == options.primary
        tests.append(test)
    return tests


def _difference(families: Placed, question: str, comparison: Jackknifed | None, options: Options) -> Difference:
    """cos(diversity, dropout) - cos(diversity, weight decay)."""
    numbers = Numbers(n=families.runs())
    test = ClaimTest(question, families.metric, "cosine", numbers, DIVERSITY, families.where, expects=1)
    test.decides = families.metric == options.primary
    if comparison is None or not np.isfinite(comparison.values[0]):
        lacks_direction = "an effect is not larger than its noise, so that it has no direction"
        test.note = "no overlap" if comparison is None else lacks_direction
        return Difference(test, test.note)
    test.numbers = _of_jackknife(comparison, 0, numbers, options)
    if comparison.errors[0] > 0:
        test.numbers = replace(test.numbers, statistic=comparison.values[0] / comparison.errors[0])
    if not np.isfinite(test.numbers.low):
        test.note = (
            "no interval: fewer than three runs in a condition, or an effect that one run less takes below its noise"
        )
    dropout, decay = (signed(cosine, 2) for cosine in comparison.values[1:3])
    return Difference(test, f"cosine with dropout {dropout}, with weight decay {decay}")


def _of_jackknife(result: Jackknifed, place: int, numbers: Numbers, options: Options) -> Numbers:
    """The numbers of one value of a jackknifed statistic."""
    low, high = result.interval(options.level)
    return replace(
        numbers,
        estimate=result.values[place],
        low=low[place],
        high=high[place],
        df=result.df[place],
        p=result.p[place],
    )


def _nearer(families: Placed, comparison: Jackknifed | None, options: Options) -> dict[str, ClaimTest]:
    """Is diversity nearer to dropout, or to weight decay, than to zero?"""
    tests = {}
    for place, family in ((3, DROPOUT), (4, DECAY)):
        numbers = Numbers(n=families.runs())
        tests[family] = ClaimTest(
            "nearer than to zero",
            families.metric,
            "squared s.d.",
            numbers if comparison is None else _of_jackknife(comparison, place, numbers, options),
            family,
            families.where,
            expects=1,
            decides=False,
        )
    return tests


def margin_of(setup: Setup, metric: str, options: Options) -> float:
    """The equivalence margin: the config's for this metric, or its share of the |baseline change|."""
    if metric in options.margins:
        return options.margins[metric]
    rows = setup.design.rows[setup.design.curve(DIVERSITY)[0]]
    return options.margin * abs(float(setup.metrics[metric].mean()[rows].mean()))


def _equivalent(families: Placed, options: Options) -> list[ClaimTest]:
    """Are the effects of diversity and dropout equivalent, in the mean over layers and layer by layer?"""
    pair = (DIVERSITY, DROPOUT)
    margin = margin_of(families.setup, families.metric, options)
    curves = families.curves(families.layers.hidden, pair)
    gap = similarity.jackknife(curves, families.place, similarity.layer_difference)
    if gap is None or not np.isfinite(gap.errors).all() or not (gap.errors > 0).all():
        return []
    (mean, square), (mean_error, square_error), (mean_df, square_df) = (
        map(float, column) for column in (gap.values, gap.errors, gap.df)
    )
    of_mean = two_one_sided(mean, mean_error, mean_df, margin, options.alpha)
    of_square = upper_bound(square, square_error, square_df, margin, options.alpha, mean_error)
    tests = []
    for question, value, df, result in (
        ("equivalence of means", mean, mean_df, of_mean),
        ("equivalence of layers (RMS)", float(np.sqrt(max(square, 0.0))), square_df, of_square),
    ):
        tests.append(
            ClaimTest(
                question,
                families.metric,
                unit(families.metric),
                Numbers(value, result.low, result.high, df, margin, result.p, families.runs(pair)),
                DIVERSITY,
                families.where,
                decides=False,
                shows="equivalent",
                note=f"margin {number(margin, 3)}; the smallest that passes is {number(result.smallest, 3)}",
            )
        )
    return tests
