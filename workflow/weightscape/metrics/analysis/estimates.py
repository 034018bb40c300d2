"""Tables of estimates that are no claims: effects of conditions, slopes, similarity of families, predictions."""

import itertools

import numpy as np
import pandas as pd

from weightscape.families import BASELINE, DIVERSITY_FAMILIES
from weightscape.formats.tables import Table
from weightscape.metrics.analysis import dose_curves, prediction, similarity
from weightscape.metrics.analysis.contrasts import NAN, Values, contrast, holm, homogeneity, standardised
from weightscape.metrics.analysis.dose_curves import Curve, overlap
from weightscape.metrics.analysis.settings import NOISE_SCORES, Options
from weightscape.metrics.analysis.setups import Layers, Setup
from weightscape.metrics.analysis.verdicts import Numbers
from weightscape.metrics.spectral_metrics import unit as unit_of

OUTCOMES = ("ood", "ece", "gap")


def condition_effects(setup: Setup, options: Options) -> Table:
    """The effect of every condition on every metric in every scope, raw and standardised, with intervals."""
    columns = {}
    for metric in options.metrics:
        layers = setup.metrics[metric]
        columns[metric, "hidden"] = layers.mean()
        columns[metric, "head"] = layers.head
        columns |= {(metric, str(kind)): layers.mean(str(kind)) for kind in np.unique(layers.kinds)}
    values = np.stack(list(columns.values()), axis=1)
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
            unit=[unit_of(metric) for metric, _ in columns],
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
            layers=[_count(setup.metrics[metric], scope) for metric, scope in columns],
            excluded_layers=[setup.metrics[metric].excluded for metric, _ in columns],
            destructive=(family, dose) in setup.destructive,
        )
        parts.append(table)
    if not parts:
        return pd.DataFrame()
    result = pd.concat(parts, ignore_index=True)
    corrected = result.groupby(["metric", "scope"], sort=False)["p"].transform(lambda p: holm(p.tolist()))
    return result.assign(p_holm=corrected)


def _count(layers: Layers, scope: str) -> int:
    if scope == "head":
        return int(np.isfinite(layers.head).all())
    return layers.hidden.shape[1] if scope == "hidden" else int((layers.kinds == scope).sum())


def slopes(setup: Setup, options: Options) -> Table:
    """How fast each family's effect grows: per unit of its dose, and per unit of the matched level."""
    kept = setup.only_kept()
    design, rows = kept.design, []
    levels = kept.outcomes.get("level")
    for family in _comparable(kept):
        axes = {"dose": dose_curves.by_number(design, family)}
        if levels is not None and not overlap(design, levels, [family], options.alpha):
            axes[options.match] = dose_curves.by_level(design, family, levels)
        for metric, (axis, x) in itertools.product(options.metrics, axes.items()):
            values = kept.metrics[metric].mean()
            found = dose_curves.slope(design, values, family, x, options.level)
            if found is not None:
                key = {"family": family, "metric": metric, "scope": "hidden", "per": axis, "doses": len(x) - 1}
                unit = f"{unit_of(metric)} per {'unit of dose' if axis == 'dose' else axis}"
                fit = dose_curves.lack_of_fit(design, values, family, x)
                rows.append(key | vars(Numbers.of(found)) | {"lack_of_fit_p": fit, "unit": unit})
    return pd.DataFrame(rows).rename(columns={"estimate": "slope"}).drop(columns="statistic", errors="ignore")


def _comparable(setup: Setup) -> list[str]:
    return [family for family in setup.design.families if not setup.missing(family)]


def similarities(setup: Setup, options: Options) -> Table:
    """Cosines and distances between the effects of all pairs of families at their strongest doses.

    `cosine` is that of the mean profiles, layers as they are; `corrected` that of the scaled profiles without noise in
    their norms, with its interval; `matched` the same at the largest common level (`match`) of both, interpolated
    between doses. `distance` is the root mean square difference over layers without noise (for the metric `esd`: the
    Wasserstein-2 distance of log10 eigenvalues). A family with itself: the mean cosine between its
    runs, which is what agreement the spread of runs allows.
    """
    kept = setup.only_kept()
    design, rows = kept.design, []
    families = _comparable(kept)
    metrics = {metric: kept.metrics[metric] for metric in options.metrics}
    if kept.esd is not None:
        metrics["esd"] = kept.esd
    levels = kept.outcomes.get("level")
    matching = set() if levels is None else _overlapping(kept, levels, families, options)
    for metric, layers in metrics.items():
        if not layers.hidden.shape[1]:
            continue
        sets = similarity.scaled(design, layers.hidden), layers.hidden
        none = np.zeros(len(layers.hidden))
        curves = {
            f: [Curve.of(design, f, each, none).single(str(design.strongest(f))) for each in sets] for f in families
        }
        full = {f: Curve.of(design, f, sets[0], none if levels is None else levels) for f in families}
        for one, other in itertools.combinations_with_replacement(families, 2):
            key = {
                "metric": metric,
                "family": one,
                "other": other,
                "dose": str(design.strongest(one)),
                "other_dose": str(design.strongest(other)),
                "layers": layers.hidden.shape[1],
            }
            at_level = _matched([full[one], full[other]] if (one, other) in matching else [], options)
            rows.append(key | _pair(curves[one], curves[other], one == other, options) | at_level)
    return pd.DataFrame(rows)


def _overlapping(kept: Setup, levels: Values, families: list[str], options: Options) -> set[tuple[str, str]]:
    """The pairs of families that share a level beyond the spread of runs; a level that was not measured is none."""
    rows = kept.design.rows
    known = [f for f in families if all(np.isfinite(levels[rows[c]]).all() for c in kept.design.curve(f))]
    pairs = itertools.combinations(known, 2)
    return {pair for pair in pairs if not overlap(kept.design, levels, pair, options.alpha)}


def _matched(curves: list[Curve], options: Options) -> dict[str, float]:
    """The corrected cosine of two families at their common level, with its interval; NaN without curves."""
    names = ("matched", "matched_low", "matched_high")
    found = similarity.jackknife(curves, similarity.matched, _corrected) if curves else None
    if found is None:
        return dict.fromkeys(names, NAN)
    low, high = found.interval(options.level)
    return dict(zip(names, (float(found.values[0]), float(low[0]), float(high[0])), strict=True))


def _pair(left: list[Curve], right: list[Curve], same: bool, options: Options) -> dict[str, float]:
    runs = {c: len(own) for curve in (left[0], right[0]) for c, own in zip(curve.conditions, curve.levels, strict=True)}
    n = sum(runs.values())
    unknown = dict.fromkeys(("cosine", "corrected", "low", "high", "distance"), NAN)
    if same:
        return unknown | {"n": n, "cosine": _agreement(left[1])}
    x, y = (curve.profiles[-1].mean(axis=0) - curve.profiles[0].mean(axis=0) for curve in (left[1], right[1]))
    raw = float(similarity.cosines(x[None], y[None])[0])
    scaled = similarity.jackknife([left[0], right[0]], similarity.last, _corrected)
    square = similarity.layer_difference(similarity.last(similarity.means_of([left[1], right[1]])))[1]
    found = unknown | {"n": n, "cosine": raw, "distance": float(np.sqrt(max(square, 0.0)))}
    if scaled is None:
        return found
    low, high = scaled.interval(options.level)
    return found | {"corrected": float(scaled.values[0]), "low": float(low[0]), "high": float(high[0])}


def _corrected(profiles: list[similarity.Profile]) -> Values:
    return np.array([similarity.cosine(*profiles)])


def _agreement(curve: Curve) -> float:
    """Mean cosine over pairs of a condition's runs; NaN for one run."""
    runs = curve.profiles[-1] - curve.profiles[0].mean(axis=0)
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
