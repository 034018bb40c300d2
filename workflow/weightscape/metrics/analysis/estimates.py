"""Tables of estimates that are no claims: effects of conditions, slopes, similarity of families, predictions."""

import itertools

import numpy as np
import pandas as pd

from weightscape.families import BASELINE, DIVERSITY_FAMILIES
from weightscape.formats.tables import Table
from weightscape.metrics.analysis import dose_curves, prediction, similarity
from weightscape.metrics.analysis.contrasts import NAN, Values, contrast, holm, homogeneity, standardised
from weightscape.metrics.analysis.design import Condition, Design
from weightscape.metrics.analysis.settings import NOISE_SCORES, Options
from weightscape.metrics.analysis.setups import Layers, Setup
from weightscape.metrics.analysis.verdicts import Numbers
from weightscape.metrics.spectral_metrics import unit as unit_of

OUTCOMES = ("ood", "ece", "gap")
NAMED_OUTCOMES = {
    "test": ("test accuracy", "share"),
    "ood": ("OOD accuracy", "share"),
    "ece": ("ECE", "share"),
    "weighted_trace": ("ln curvature", "ln"),
}
"""The outcomes of `condition_effects` with their names and units."""
OUTCOME = "outcome"


def condition_effects(setup: Setup, options: Options) -> Table:
    """The effect of every condition on every metric in every scope, and on the outcomes, raw and standardised, with
    intervals. An outcome that a condition's runs have not all has no row.
    """
    columns = {}
    for metric in options.metrics:
        layers = setup.metrics[metric]
        columns[metric, "hidden"] = layers.mean()
        columns[metric, "head"] = layers.head
        columns |= {(metric, str(kind)): layers.mean(str(kind)) for kind in np.unique(layers.kinds)}
    columns |= {(name, OUTCOME): setup.outcomes[of] for of, (name, _) in NAMED_OUTCOMES.items() if of in setup.outcomes}
    values = np.stack(list(columns.values()), axis=1)
    units = dict(NAMED_OUTCOMES.values())
    design = setup.design
    alike = [homogeneity(design, each) for each in values.T]
    parts = []
    for family, dose in design.rows:
        if dose == BASELINE or design.reference(family) is None:
            continue
        found = contrast(design, values, design.effect(family, dose), options.level)
        table = pd.DataFrame(list(columns), columns=["metric", "scope"]).assign(
            family=family,
            dose=dose,
            number=design.numbers[family, dose],
            unit=[units[metric] if scope == OUTCOME else unit_of(metric) for metric, scope in columns],
            n=found.runs,
            estimate=found.value,
            low=found.low,
            high=found.high,
            df=found.df,
            statistic=found.statistic,
            p=found.p,
            welch_p=found.welch_p,
            standardised=standardised(found),
            pooled_sd=found.pooled,
            homogeneity_p=alike,
            destructive=(family, dose) in setup.destructive,
        )
        layers = [_of_layers(setup, metric, scope, (family, dose)) for metric, scope in columns]
        table = pd.concat([table, pd.DataFrame(layers)], axis=1)
        parts.append(table[(table["scope"] != OUTCOME) | table["estimate"].notna()])
    if not parts:
        return pd.DataFrame()
    result = pd.concat(parts, ignore_index=True)
    corrected = result.groupby(["metric", "scope"], sort=False)["p"].transform(lambda p: holm(p.tolist()))
    return result.assign(p_holm=corrected)


def _of_layers(setup: Setup, metric: str, scope: str, condition: Condition) -> dict[str, float | str]:
    """How many layers a mean is over, how many are left out, and what one of them does; none for an outcome."""
    if scope == OUTCOME:
        return {"layers": 0, "excluded_layers": 0, "least_without": NAN, "most_without": NAN, "heaviest_layer": ""}
    layers = setup.metrics[metric]
    without = _without_a_layer(layers, scope, setup.design, condition)
    return {"layers": _count(layers, scope), "excluded_layers": layers.excluded, **without}


def _count(layers: Layers, scope: str) -> int:
    if scope == "head":
        return int(np.isfinite(layers.head).all())
    return layers.hidden.shape[1] if scope == "hidden" else int((layers.kinds == scope).sum())


def _without_a_layer(layers: Layers, scope: str, design: Design, condition: Condition) -> dict[str, float | str]:
    """The least and the largest mean effect without any one layer of a scope, and the layer that moves it most.

    NaN for the head, and for a single layer.
    """
    chosen = np.flatnonzero((layers.kinds == scope) | (scope == "hidden"))
    weights = design.effect(*condition)
    if scope == "head" or len(chosen) < 2:
        return {"least_without": NAN, "most_without": NAN, "heaviest_layer": ""}
    means = [weight * layers.hidden[design.rows[c]][:, chosen].mean(axis=0) for c, weight in weights.items()]
    effects = np.sum(means, axis=0)
    without = (effects.sum() - effects) / (len(effects) - 1)
    heaviest = chosen[int(np.argmax(np.abs(without - effects.mean())))]
    name = str(layers.names[heaviest])
    return {"least_without": float(without.min()), "most_without": float(without.max()), "heaviest_layer": name}


def slopes(setup: Setup, options: Options) -> Table:
    """How fast each family's effect grows, per unit of its dose."""
    kept = setup.only_kept()
    design, rows = kept.design, []
    for family, metric in itertools.product(_comparable(kept), options.metrics):
        x, values = dose_curves.by_number(design, family), kept.metrics[metric].mean()
        found = dose_curves.slope(design, values, family, x, options.level)
        if found is not None:
            key = {"family": family, "metric": metric, "scope": "hidden", "doses": len(x) - 1}
            fit = dose_curves.lack_of_fit(design, values, family, x)
            unit = f"{unit_of(metric)} per unit of dose"
            rows.append(key | vars(Numbers.of(found)) | {"lack_of_fit_p": fit, "unit": unit})
    return pd.DataFrame(rows).rename(columns={"estimate": "slope"}).drop(columns="statistic", errors="ignore")


def _comparable(setup: Setup) -> list[str]:
    return [family for family in setup.design.families if not setup.missing(family)]


def similarities(setup: Setup, options: Options) -> Table:
    """Cosines and distances between the effects of all pairs of families, at the doses that stand for them.

    `cosine` is that of the mean profiles, layers as they are; `corrected` that of the scaled profiles without noise,
    with its interval; NaN if a profile has no direction. `distance` is the root mean square difference over layers
    without noise (for the metric `esd`: the Wasserstein-2 distance of log10 eigenvalues). A family with itself: the
    mean cosine between its runs, which is what agreement the spread of runs allows.
    """
    kept = setup.only_kept()
    families = _comparable(kept)
    metrics = {metric: kept.metrics[metric] for metric in options.metrics}
    if kept.esd is not None:
        metrics["esd"] = kept.esd
    rows = []
    for metric, layers in metrics.items():
        if not layers.hidden.shape[1]:
            continue
        scaled = similarity.scaled(kept.design, layers.hidden)
        for one, other in itertools.combinations_with_replacement(families, 2):
            key = {"metric": metric, "family": one, "other": other, "layers": layers.hidden.shape[1]}
            doses = {"dose": kept.design.strongest(one), "other_dose": kept.design.strongest(other)}
            rows.append(key | doses | _pair(kept.design, layers.hidden, scaled, (one, other), options))
    return pd.DataFrame(rows)


def _pair(design: Design, plain: Values, scaled: Values, pair: tuple[str, str], options: Options) -> dict[str, float]:
    contrasts = [design.strongest_effect(family) for family in pair]
    conditions = dict.fromkeys(condition for weights in contrasts for condition in weights)
    raw, runs = ({c: values[design.rows[c]] for c in conditions} for values in (plain, scaled))
    names = ("cosine", "corrected", "low", "high", "distance")
    unknown: dict[str, float] = dict.fromkeys(names, NAN) | {"n": sum(map(len, raw.values()))}
    if pair[0] == pair[1]:
        return unknown | {"cosine": _agreement(*(raw[c] for c in contrasts[0]))}
    x, y = similarity.profiles_of(raw, contrasts)
    angle = float(similarity.cosines(x.values[None], y.values[None])[0])
    found = unknown | {"cosine": angle, "distance": similarity.distance(x, y)}
    corrected = similarity.jackknife(runs, contrasts, similarity.cosine_and_squares)
    if not similarity.have_directions(corrected):
        return found
    low, high = corrected.interval(options.level)
    return found | {"corrected": float(corrected.values[0]), "low": float(low[0]), "high": float(high[0])}


def _agreement(dosed: Values, reference: Values) -> float:
    """Mean cosine over pairs of a condition's runs; NaN for one run."""
    runs = dosed - reference.mean(axis=0)
    pairs = [
        similarity.cosines(runs[i : i + 1], runs[j : j + 1])[0] for i, j in itertools.combinations(range(len(runs)), 2)
    ]
    return float(np.mean(pairs)) if pairs else NAN


def predictions(setup: Setup, options: Options) -> Table:
    """How each diversity measure and each spectral metric goes with OOD accuracy, ECE and generalisation gap.

    Exploratory: many pairs, not corrected for their number; intervals take families as the samples.
    """
    kept = setup.only_kept()
    if "test" not in kept.outcomes:
        return pd.DataFrame()
    groups: list[tuple[str, str, Values, tuple[str, ...]]] = [
        ("diversity", f"{space}: {name}", values, DIVERSITY_FAMILIES)
        for (space, name), values in kept.diversity.items()
        if name not in NOISE_SCORES
    ]
    everything = tuple(kept.design.families)
    groups += [("spectrum", metric, kept.metrics[metric].mean(), everything) for metric in options.metrics]
    outcomes, rows = [name for name in OUTCOMES if name in kept.outcomes], []
    for (kind, name, values, families), outcome in itertools.product(groups, outcomes):
        measures = [values, kept.outcomes[outcome], kept.outcomes["test"]]
        conditions = prediction.measured_conditions(kept, measures, families)
        x, y, z = (prediction.relative(kept, measure, conditions) for measure in measures)
        if len(x) < 2 or np.ptp(x) == 0:
            continue
        of = np.array([family for family, _ in conditions])
        key = {"outcome": outcome, "kind": kind, "predictor": name, "families": len(set(of))}
        rows.append(key | prediction.link(x, y, z, of, options.level)._asdict())
    return pd.DataFrame(rows)
