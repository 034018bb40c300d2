"""The claims about weights: C1 sign, C2 similarity, C3 norms, C5 head.

Each function returns the tests of its claim in one setup, with the decision on the primary metric. A family stands
for its strongest dose that is not destructive.
"""

import zlib

import numpy as np

from weightscape.analysis import equivalence, mixed, similarity
from weightscape.analysis.controls import missing
from weightscape.analysis.design import difference
from weightscape.analysis.intervals import Estimate, Values, contrast
from weightscape.analysis.matching import Curve, as_weights, coefficients, common_level, overlap
from weightscape.analysis.options import DECAY, DIVERSITY, DROPOUT, UNITS, Options
from weightscape.analysis.rows import (
    CONTRADICTED,
    NO_REPLICATES,
    SUPPORTED,
    UNDECIDED,
    Decision,
    Row,
    effect_row,
    judged,
    of_contrast,
    row,
    undecided,
)
from weightscape.analysis.setups import Layers, Setup

CENTRAL = (DIVERSITY, DROPOUT, DECAY)
NORMS = ("log_norm", "log_spectral_norm")


def absent(setup: Setup, families: tuple[str, ...] = CENTRAL) -> str:
    """Why a comparison of these families cannot be made; empty if it can."""
    return next((why for why in (missing(setup, family) for family in families) if why), "")


def empty(metric: str, layers: Layers) -> str:
    """Why a metric has no test; empty if it has."""
    if layers.hidden.shape[1]:
        return ""
    return f"no hidden layer has a usable {metric} in every run ({layers.excluded} left out)"


def sign(setup: Setup, options: Options) -> Decision:
    """C1: diversity shifts the spectra with the sign that regularisers do."""
    why = absent(setup)
    if why:
        return undecided(why)
    rows: list[Row] = []
    for metric in options.metrics:
        layers = setup.metrics[metric]
        for family in CENTRAL:
            rows += _effects(setup, "C1", metric, layers, family, options)
    judged(rows, options.alpha)
    own = {r["family"]: r for r in rows if r["_decides"] and r["metric"] == options.primary}
    lead = own[DIVERSITY]
    unclear = [r for r in own.values() if r["verdict"] == UNDECIDED]
    if unclear:
        return undecided(_unclear(unclear[0]), rows, lead)
    signs = {family: np.sign(r["estimate"]) for family, r in own.items()}
    if signs[DROPOUT] != signs[DECAY]:
        return undecided(f"dropout and weight decay move {options.primary} in opposite directions", rows, lead)
    same = signs[DIVERSITY] == signs[DROPOUT]
    text = f"diversity moves {options.primary} {'as' if same else 'opposite to how'} dropout and weight decay do"
    return Decision(SUPPORTED if same else CONTRADICTED, text, lead, rows)


def _unclear(r: Row) -> str:
    if r["reason"] == NO_REPLICATES or not np.isfinite(r["p"]):
        return r["reason"]
    return f"the effect of {r['family'] or r['test']} on {r['metric']} does not differ from zero ({r['reason']})"


def _effects(setup: Setup, claim: str, metric: str, layers: Layers, family: str, options: Options) -> list[Row]:
    """The effect of a family's strongest dose: hidden layers (which decides), head, each type, and the mixed model."""
    design = setup.design
    dose = str(design.strongest(family))
    weights = design.effect(family, dose)
    scopes = {"hidden": layers.mean(), "head": layers.head}
    scopes |= {str(kind): layers.mean(str(kind)) for kind in np.unique(layers.kinds)}
    columns = np.stack(list(scopes.values()), axis=1)
    found = contrast(design, columns, weights, options.level)
    unit, why = UNITS.get(metric, ""), empty(metric, layers)
    rows = []
    for at, scope in enumerate(scopes):
        single: Row = {
            name: float(getattr(found, "value" if name == "estimate" else name)[at])
            for name in ("statistic", "estimate", "low", "high", "df", "p")
        }
        rows.append(
            row(
                setup,
                claim,
                "effect",
                decides=scope == "hidden",
                family=family,
                dose=dose,
                metric=metric,
                scope=scope,
                unit=unit,
                n=found.runs,
                reason=why if scope != "head" else "",
                **single,
            )
        )
    if not why:
        fit = mixed.fit(design, layers.hidden, family, dose, options.level)
        rows.append(
            row(
                setup,
                claim,
                "mixed model",
                decides=False,
                family=family,
                dose=dose,
                metric=metric,
                unit=unit,
                n=found.runs,
                reason=fit.why,
                estimate=fit.value,
                low=fit.low,
                high=fit.high,
                df=fit.df,
                statistic=fit.statistic,
                p=fit.p,
            )
        )
    return rows


def alike(setup: Setup, options: Options) -> Decision:
    """C2: the pattern of diversity is nearer to dropout's than to weight decay's."""
    why = absent(setup)
    if why:
        return undecided(why)
    levels = setup.outcomes.get("level")
    unmatched = (
        f"{options.match} was not measured, so that doses cannot be matched"
        if levels is None
        else overlap(setup.design, levels, CENTRAL, options.alpha)
    )
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
            f"the profile of {zero[0]['family']} does not differ from zero ({zero[0]['reason']})", rows, lead
        )
    if lead["verdict"] == UNDECIDED:
        return undecided(f"the difference of cosines may be zero ({_cosines(lead)}; {lead['reason']})", rows, lead)
    null = named["similarity against baseline groups", DIVERSITY]
    if not null["p"] < options.alpha:
        return undecided(f"groups of baseline runs differ as much ({null['reason']})", rows, lead)
    other = DROPOUT if lead["verdict"] == SUPPORTED else DECAY
    near = named["nearer than to zero", other]
    if not near["low"] > 0:
        return undecided(f"diversity is not shown to be nearer to {other} than to zero", rows, lead)
    return Decision(lead["verdict"], _cosines(lead), lead, rows)


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
    why = "" if np.isfinite(low[0]) else "fewer than three runs in a condition, too few for its interval"
    text = f"cosine with dropout {found.values[1]:.2f}, with weight decay {found.values[2]:.2f}"
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
        text = f"95 % of them between {low:.2f} and {high:.2f}"
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
    at = np.concatenate([rows for (_, dose), rows in setup.design.rows.items() if dose == "baseline"])
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
        text = f"margin {margin:.3g}; the smallest that passes is {each.smallest:.3g}"
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


def norms(setup: Setup, options: Options) -> Decision:
    """C3: weight decay differs by shrinking norms, in hidden layers."""
    why = absent(setup)
    if why:
        return undecided(why)
    design = setup.design
    effects = {family: design.effect(family, str(design.strongest(family))) for family in CENTRAL}
    contrasts = {"effect": effects[DECAY]}
    contrasts |= {f"weight decay less {family}": difference(effects[DECAY], effects[family]) for family in CENTRAL[:2]}
    rows: list[Row] = []
    for metric in [name for name in NORMS if name in options.metrics]:
        layers = setup.metrics[metric]
        for test, weights in contrasts.items():
            found = contrast(design, layers.mean(), weights, options.level)
            rows.append(
                effect_row(
                    setup,
                    "C3",
                    test,
                    found,
                    weights,
                    metric,
                    UNITS[metric],
                    expects=-1,
                    family=DECAY,
                    dose=str(design.strongest(DECAY)),
                    reason=empty(metric, layers),
                )
            )
    judged(rows, options.alpha)
    own = [r for r in rows if r["metric"] == NORMS[0]]
    if not own:
        return undecided(f"{NORMS[0]} is not among the metrics", rows)
    return all_of(rows, own, own[0])


def all_of(rows: list[Row], parts: list[Row], lead: Row) -> Decision:
    """Supported if every part is, contradicted if any part is."""
    against = [r for r in parts if r["verdict"] == CONTRADICTED]
    if against:
        return Decision(CONTRADICTED, f"{described(against[0])}: the sign is not as stated", against[0], rows)
    unclear = [r for r in parts if r["verdict"] == UNDECIDED]
    if unclear:
        return undecided(f"{described(unclear[0])}: {unclear[0]['reason']}", rows, unclear[0])
    return Decision(
        SUPPORTED,
        f"all {len(parts)} parts have the stated sign" if len(parts) > 1 else "the sign is as stated",
        lead,
        rows,
    )


def described(r: Row) -> str:
    """A test in words."""
    family = f" of {r['family']}" if r["family"] and r["family"].replace("_", " ") not in r["test"] else ""
    return f"{r['test']}{family} on {r['metric']}"


def head(setup: Setup, options: Options) -> Decision:
    """C5: the head carries the largest change under diversity and dropout.

    Intersection-union: |effect on the head| exceeds that on a layer if the effect on head - layer and on head + layer
    differ from zero with equal signs; the head is largest if it exceeds every layer, each at the same alpha (Berger
    1982). That some layer exceeds the head is corrected for the number of layers. The head's alpha is no evidence.
    """
    families = (DIVERSITY, DROPOUT)
    why = absent(setup, families)
    if why:
        return undecided(why)
    rows: list[Row] = []
    for metric in [name for name in options.metrics if name != "alpha"]:
        for family in families:
            rows.append(_largest(setup, metric, setup.metrics[metric], family, options))
    judged(rows, options.alpha)
    primary = options.primary if options.primary != "alpha" else "log_norm"
    own = [r for r in rows if r["metric"] == primary]
    if not own:
        return undecided(f"{primary} is not among the metrics", rows)
    return all_of(rows, own, own[0])


def _largest(setup: Setup, metric: str, layers: Layers, family: str, options: Options) -> Row:
    design = setup.design
    dose = str(design.strongest(family))
    weights = design.effect(family, dose)
    common = {
        "expects": 1,
        "family": family,
        "dose": dose,
        "metric": metric,
        "scope": "head",
        "unit": UNITS.get(metric, ""),
    }
    hidden, top = layers.hidden, layers.head[:, None]
    why = empty(metric, layers) or ("" if np.isfinite(layers.head).all() else "the head was not measured in every run")
    if why:
        return row(setup, "C5", "head against the largest hidden layer", reason=why, **common)
    minus, plus = (contrast(design, each, weights, options.level) for each in (top - hidden, top + hidden))
    larger = minus.value * plus.value > 0
    p = np.maximum(minus.p, plus.p)
    effects = contrast(design, np.concatenate([top, hidden], axis=1), weights, options.level).value
    at = int(np.argmax(np.abs(effects[1:])))
    signs = np.sign(effects[0]), np.sign(effects[1 + at])
    found = contrast(design, signs[0] * layers.head - signs[1] * hidden[:, at], weights, options.level)
    if larger.all() or not np.isfinite(p).all():
        overall = float(p.max())
    else:
        overall = min(1.0, hidden.shape[1] * float(p[~larger].min()))
    estimate = of_gap(found, overall)
    note = "" if not np.isfinite(overall) else f"largest hidden layer: {layers.names[at]}"
    return row(
        setup,
        "C5",
        "head against the largest hidden layer",
        **common,
        **estimate,
        reason=note if np.isfinite(overall) else "",
    )


def of_gap(found: Estimate, p: float) -> Row:
    """The columns of |head| - |layer| with the p of the whole comparison."""
    return of_contrast(found) | {"p": p}
