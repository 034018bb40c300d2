"""The claims about weights that are contrasts: C1 sign, C3 norms, C5 head.

Each function returns the tests of its claim in one setup, with the decision on the primary metric. A family stands
for its strongest dose that is not destructive.
"""

import numpy as np

from weightscape.metrics.analysis import mixed_model
from weightscape.metrics.analysis.contrasts import Estimate, contrast
from weightscape.metrics.analysis.controls import missing
from weightscape.metrics.analysis.design import difference
from weightscape.metrics.analysis.settings import DECAY, DIVERSITY, DROPOUT, UNITS, Options
from weightscape.metrics.analysis.setups import Layers, Setup
from weightscape.metrics.analysis.verdicts import (
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
from weightscape.words import family as of_family
from weightscape.words import layer as of_layer
from weightscape.words import metric as of_metric

CENTRAL = (DIVERSITY, DROPOUT, DECAY)
NORMS = ("log_norm", "log_spectral_norm")


def absent(setup: Setup, families: tuple[str, ...] = CENTRAL) -> str:
    """Why a comparison of these families cannot be made; empty if it can."""
    return next((why for why in (missing(setup, family) for family in families) if why), "")


def empty(metric: str, layers: Layers) -> str:
    """Why a metric has no test; empty if it has."""
    if layers.hidden.shape[1]:
        return ""
    return f"no hidden layer has a usable {of_metric(metric)} in every run ({layers.excluded} left out)"


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
    lead, primary = own[DIVERSITY], of_metric(options.primary)
    unclear = [r for r in own.values() if r["verdict"] == UNDECIDED]
    if unclear:
        return undecided(_unclear(unclear[0]), rows, lead)
    signs = {family: np.sign(r["estimate"]) for family, r in own.items()}
    if signs[DROPOUT] != signs[DECAY]:
        return undecided(f"dropout and weight decay move {primary} in opposite directions", rows, lead)
    same = signs[DIVERSITY] == signs[DROPOUT]
    text = f"diversity moves {primary} {'as' if same else 'opposite to how'} dropout and weight decay do"
    p = max(r["p_holm"] for r in own.values())
    return Decision(SUPPORTED if same else CONTRADICTED, text, lead, rows, p)


def _unclear(r: Row) -> str:
    if r["reason"] == NO_REPLICATES or not np.isfinite(r["p"]):
        return r["reason"]
    what = f"the effect of {of_family(r['family'] or r['test'])} on {of_metric(r['metric'])}"
    return f"{what} does not differ from zero ({r['reason']})"


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
        fit = mixed_model.fit(design, layers.hidden, family, dose, options.level)
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
        return undecided(f"{of_metric(NORMS[0])} is not among the metrics", rows)
    return all_of(rows, own, own[0])


def all_of(rows: list[Row], parts: list[Row], lead: Row) -> Decision:
    """Supported if every part is, contradicted if any part is."""
    against = [r for r in parts if r["verdict"] == CONTRADICTED]
    if against:
        first, p = against[0], min(r["p_holm"] for r in against)
        return Decision(CONTRADICTED, f"{described(first)}: the sign is not as stated", first, rows, p)
    unclear = [r for r in parts if r["verdict"] == UNDECIDED]
    if unclear:
        return undecided(f"{described(unclear[0])}: {unclear[0]['reason']}", rows, unclear[0])
    return Decision(
        SUPPORTED,
        f"all {len(parts)} parts have the stated sign" if len(parts) > 1 else "the sign is as stated",
        lead,
        rows,
        max(r["p_holm"] for r in parts),
    )


def described(r: Row) -> str:
    """A test in words; those of data name what they measure themselves."""
    if r["scope"] == "data":
        return r["test"]
    family = of_family(r["family"])
    return f"{r['test']}{f' of {family}' if family and family not in r['test'] else ''} on {of_metric(r['metric'])}"


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
        return undecided(f"{of_metric(primary)} is not among the metrics", rows)
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
    note = "" if not np.isfinite(overall) else f"largest hidden layer: {of_layer(layers.names[at])}"
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
