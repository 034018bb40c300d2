"""The claim about patterns, C2: is that of diversity nearer to dropout's than to weight decay's?

Profiles over the hidden layers at matched dose are compared by cosine and by distance, beside their null over
baselines, and by tests of equivalence. A family stands for its doses that are not destructive.
"""

import zlib

import numpy as np

from weightscape.metrics.analysis import equivalence, similarity
from weightscape.metrics.analysis.claims.contrasts import CENTRAL, absent, empty
from weightscape.metrics.analysis.contrasts import Values
from weightscape.metrics.analysis.matching import Curve, as_weights, coefficients, common_level, overlap
from weightscape.metrics.analysis.settings import DECAY, DIVERSITY, DROPOUT, UNITS, Options
from weightscape.metrics.analysis.setups import Layers, Setup
from weightscape.metrics.analysis.verdicts import (
    NO_REPLICATES,
    SUPPORTED,
    UNDECIDED,
    Decision,
    Row,
    judged,
    row,
    undecided,
)
from weightscape.words import family as of_family
from weightscape.words import metric as of_metric
from weightscape.words import number, signed


def alike(setup: Setup, options: Options) -> Decision:
    """C2: the pattern of diversity is nearer to dropout's than to weight decay's."""
    why = absent(setup) or (similarity.SHARED if setup.design.share(CENTRAL) else "")
    if why:
        return undecided(why)
    levels = setup.outcomes.get("level")
    unmatched = _unmatched(setup, options)
    rows: list[Row] = []
    profiles = {metric: setup.metrics[metric] for metric in options.metrics}
    if setup.esd is not None:
        profiles["esd"] = setup.esd
    for metric, layers in profiles.items():
        if layers.hidden.shape[1]:
            rows += _similarity(setup, metric, layers, levels, unmatched, options)
    judged(rows, options.alpha)
    own = [r for r in rows if r["metric"] == options.primary]
    if not own:
        return undecided(empty(options.primary, setup.metrics[options.primary]), rows)
    named = {(r["test"], r["family"]): r for r in own}
    raw = named["similarity at strongest doses", DIVERSITY]
    if min(len(setup.design.rows[f, d]) for f in CENTRAL for d in ("baseline", str(setup.design.strongest(f)))) < 2:
        return undecided(NO_REPLICATES, rows, raw)
    if unmatched:
        return undecided(f"{unmatched} (at the strongest doses: {_cosines(raw)})", rows, raw)
    lead = named["similarity at matched dose", DIVERSITY]
    zero = [r for r in own if r["test"] == "profile differs from zero" and r["verdict"] == UNDECIDED]
    if zero:
        return undecided(
            f"the profile of {of_family(zero[0]['family'])} does not differ from zero ({zero[0]['reason']})", rows, lead
        )
    if lead["verdict"] == UNDECIDED:
        return undecided(f"the difference of cosines may be zero ({_cosines(lead)}; {lead['reason']})", rows, lead)
    null = named["similarity against baseline groups", DIVERSITY]
    if not null["p"] < options.alpha:
        return undecided(f"groups of baseline runs differ as much ({null['reason']})", rows, lead)
    other = DROPOUT if lead["verdict"] == SUPPORTED else DECAY
    near = named["nearer than to zero", other]
    if not near["low"] > 0:
        return undecided(f"diversity is not shown to be nearer to {of_family(other)} than to zero", rows, lead)
    nonzero = [r["p_holm"] for r in own if r["test"] == "profile differs from zero"]
    p = max(lead["p_holm"], *nonzero, null["p"], near["p"])
    return Decision(lead["verdict"], _cosines(lead), lead, rows, p)


def _unmatched(setup: Setup, options: Options) -> str:
    """Why the three families have no common level; empty where they have one."""
    if options.match == "diversity":
        return "match: diversity matches data families only, and dropout and weight decay leave the images alone"
    if "level" not in setup.outcomes:
        return f"{of_metric(options.match)} was not measured, so that doses cannot be matched"
    return overlap(setup.design, setup.outcomes["level"], CENTRAL, options.alpha)


def _cosines(r: Row) -> str:
    return str(r["_cosines"])


def _similarity(
    setup: Setup, metric: str, layers: Layers, levels: Values | None, unmatched: str, options: Options
) -> list[Row]:
    """All tests of C2 on one metric."""
    design = setup.design
    profiles = similarity.scaled(design, layers.hidden)
    common = {"metric": metric, "unit": "cosine"}
    none = np.zeros(len(profiles))
    top = {family: str(design.strongest(family)) for family in CENTRAL}
    full = [Curve.of(design, f, profiles, none if levels is None else levels) for f in CENTRAL]
    single = [curve.single(top[f]) for f, curve in zip(CENTRAL, full, strict=True)]
    raw = similarity.jackknife(single, similarity.last, similarity.comparison)
    place = similarity.last if unmatched else similarity.matched
    curves = single if unmatched else full
    best = raw if unmatched else similarity.jackknife(full, similarity.matched, similarity.comparison)
    n = sum(len(values) for curve in curves for values in curve.levels)
    rows = []
    weights = {f: design.effect(f, top[f]) for f in CENTRAL}
    if not unmatched:
        means = [[float(values.mean()) for values in curve.levels] for curve in full]
        level = common_level(means)
        for f, curve, each in zip(CENTRAL, full, means, strict=True):
            found = coefficients(each, level) if level is not None else None
            if found is not None:
                weights[f] = dict(as_weights(f, curve, found))
    where = "strongest" if unmatched else "matched"
    for family in CENTRAL:
        statistic, df, p = similarity.differs(design, profiles, weights[family])
        rows.append(
            row(
                setup,
                "C2",
                "profile differs from zero",
                family=family,
                dose=where,
                metric=metric,
                unit="F",
                statistic=statistic,
                estimate=statistic,
                df=df,
                p=p,
                n=design.runs_of(weights[family]),
            )
        )
    rows.append(_compared(setup, "similarity at strongest doses", raw, False, n, "strongest", options, common))
    if not unmatched:
        rows.append(_compared(setup, "similarity at matched dose", best, True, n, "matched", options, common))
    rows += _nearness(setup, best, n, where, metric, options)
    rows.append(_null(setup, metric, profiles, place(similarity.means_of(curves)), n, where, options))
    if metric != "esd":
        plain = [Curve.of(design, f, layers.hidden, none if levels is None else levels) for f in (DIVERSITY, DROPOUT)]
        if unmatched:
            plain = [curve.single(top[f]) for f, curve in zip((DIVERSITY, DROPOUT), plain, strict=True)]
        rows += _equivalent(setup, metric, plain, place, where, options)
    return rows


def _compared(
    setup: Setup,
    test: str,
    found: similarity.Jackknifed | None,
    decides: bool,
    n: int,
    dose: str,
    options: Options,
    common: Row,
) -> Row:
    """cos(diversity, dropout) - cos(diversity, weight decay)."""
    if found is None or not np.isfinite(found.values[0]):
        why = "no overlap" if found is None else "an effect is not larger than its noise, so that it has no direction"
        return row(
            setup, "C2", test, decides=decides, family=DIVERSITY, dose=dose, n=n, reason=why, expects=1, **common
        ) | {"_cosines": why}
    low, high = found.interval(options.level)
    why = (
        ""
        if np.isfinite(low[0])
        else "no interval: fewer than three runs in a condition, or an effect that one run less takes below its noise"
    )
    text = f"cosine with dropout {signed(found.values[1], 2)}, with weight decay {signed(found.values[2], 2)}"
    return row(
        setup,
        "C2",
        test,
        expects=1,
        decides=decides,
        family=DIVERSITY,
        dose=dose,
        n=n,
        reason=why,
        statistic=found.values[0] / found.errors[0] if found.errors[0] > 0 else float("nan"),
        estimate=found.values[0],
        low=low[0],
        high=high[0],
        df=found.df[0],
        p=found.p[0],
        **common,
    ) | {"_cosines": text}


def _nearness(
    setup: Setup, found: similarity.Jackknifed | None, n: int, dose: str, metric: str, options: Options
) -> list[Row]:
    """Is diversity nearer to dropout, or to weight decay, than to zero?"""
    rows = []
    for at, family in ((3, DROPOUT), (4, DECAY)):
        numbers = {}
        if found is not None:
            low, high = found.interval(options.level)
            numbers = {
                "estimate": found.values[at],
                "low": low[at],
                "high": high[at],
                "df": found.df[at],
                "p": found.p[at],
            }
        rows.append(
            row(
                setup,
                "C2",
                "nearer than to zero",
                decides=False,
                expects=1,
                family=family,
                dose=dose,
                metric=metric,
                unit="squared s.d.",
                n=n,
                **numbers,
            )
        )
    return rows


def _null(
    setup: Setup,
    metric: str,
    profiles: Values,
    placed: list[similarity.Profile] | None,
    n: int,
    dose: str,
    options: Options,
) -> Row:
    """The difference of cosines, with noise in its norms, against that of disjoint groups of baseline runs."""
    rng = np.random.default_rng([options.seed, zlib.crc32(f"{setup.dataset}/{setup.backbone}/{metric}".encode())])
    null = similarity.baseline_null(setup.design, profiles, rng, options.draws)
    columns: Row = {"reason": "fewer than six baseline runs with a partner"}
    if null is not None:
        low, high = np.nanquantile(null, [options.alpha / 2, 1 - options.alpha / 2])
        text = f"95 % of them between {signed(low, 2)} and {signed(high, 2)}"
        columns = {"low": float(low), "high": float(high), "reason": text}
        value = float("nan") if placed is None else similarity.plain_difference(placed)
        if np.isfinite(value):
            columns |= {"estimate": value, "p": (1 + int((np.abs(null) >= abs(value)).sum())) / (1 + len(null))}
    return row(
        setup,
        "C2",
        "similarity against baseline groups",
        decides=False,
        family=DIVERSITY,
        dose=dose,
        metric=metric,
        unit="cosine",
        n=n,
        **columns,
    )


def margin_of(setup: Setup, metric: str, options: Options) -> float:
    """The equivalence margin: the config's for this metric, or its share of the |baseline change|."""
    if metric in options.margins:
        return float(options.margins[metric])
    at = np.concatenate([rows for (_, dose), rows in setup.design.distinct.items() if dose == "baseline"])
    return options.margin * abs(float(setup.metrics[metric].mean()[at].mean()))


def _equivalent(
    setup: Setup, metric: str, curves: list[Curve], place: similarity.Placing, dose: str, options: Options
) -> list[Row]:
    """Are the effects of diversity and dropout equivalent, in the mean over layers and layer by layer?"""
    margin = margin_of(setup, metric, options)
    found = similarity.jackknife(curves, place, similarity.layer_difference)
    if found is None or not np.isfinite(found.errors).all() or not (found.errors > 0).all():
        return []
    n = sum(len(values) for curve in curves for values in curve.levels)
    args = margin, options.alpha
    mean = equivalence.two_one_sided(float(found.values[0]), float(found.errors[0]), float(found.df[0]), *args)
    rms = equivalence.upper_bound(
        float(found.values[1]), float(found.errors[1]), float(found.df[1]), *args, mean_error=float(found.errors[0])
    )
    rows = []
    size = float(np.sqrt(max(found.values[1], 0.0)))
    for test, value, df, each in (
        ("equivalence of means", float(found.values[0]), found.df[0], mean),
        ("equivalence of layers (RMS)", size, found.df[1], rms),
    ):
        text = f"margin {number(margin, 3)}; the smallest that passes is {number(each.smallest, 3)}"
        rows.append(
            row(
                setup,
                "C2",
                test,
                decides=False,
                says="equivalent",
                family=DIVERSITY,
                dose=dose,
                metric=metric,
                unit=UNITS.get(metric, ""),
                statistic=margin,
                estimate=value,
                low=each.low,
                high=each.high,
                df=float(df),
                p=each.p,
                n=n,
                reason=text,
            )
        )
    return rows
