"""The whole diversity record of one set of rows, ready for JSON.

Definitions and references are in the modules of the parts (`vendi`, `geometry`, `weighted`, `reference`).
Every part draws from a random stream of its own, so that asking for one part more changes no other.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from weightscape.diversity import geometry, reference, vendi
from weightscape.diversity.rows import Indices, Record, Rows, check_rows, draw, unit_rows
from weightscape.diversity.settings import DiversitySettings
from weightscape.diversity.weighted import weighted_scores
from weightscape.seeds import generator

Streams = Mapping[str, np.random.Generator]

STREAMS = ("common", "rarefaction", "class", "noise", "random", "tree", "clusters", "weighted", "reference")


@dataclass(frozen=True)
class Comparisons:
    """Rows that a set is compared with; without one of them its part of the record is None.

    reference      real held-out rows: adds the share of them that the set covers, and how far it lies from them
    baseline       the plain real training set, whose row i pairs with row i of the set: adds the weighted Vendi score
    noise          pure noise as the network sees it: adds its Vendi scores
    """

    reference: Rows | None = None
    baseline: Rows | None = None
    noise: Rows | None = None


def measure(
    features: Rows,
    labels: Indices | None,
    others: Comparisons,
    settings: DiversitySettings,
    rng: np.random.Generator,
    appended_from: int | None = None,
) -> Record:
    """The record of a set of rows: one per training image, as the network sees it (pixels or an embedding).

    labels         class of each row, or None for no scores by class
    appended_from  first row that was appended to the baseline's; only these enter rho, paired with the baseline from
                   row 0. Without appended rows the whole set is paired

    A value that is not defined is None.
    """
    _check(features, labels, others, appended_from)
    streams: Streams = dict(zip(STREAMS, rng.spawn(len(STREAMS)), strict=True))
    scorer = vendi.Scorer(features, settings.orders)
    eigenvalues = scorer.spectrum(np.arange(len(features)))
    record: Record = {
        "rows": len(features),
        "dimensions": features.shape[1],
        "blank_rows": int((~features.any(axis=1)).sum()),
        "vendi": {
            "whole": vendi.scores_of(eigenvalues, settings.orders),
            **_sampled_vendi(scorer, others.noise, settings, streams),
            "classes": None if labels is None else _classes(scorer, labels, settings, streams["class"]),
        },
        "geometry": _geometry(features, others, settings, streams),
        "weighted": None,
        "reference": None,
    }
    if others.baseline is not None:
        appended = appended_from is not None and appended_from < len(features)
        rows = features[appended_from:] if appended else features
        score = vendi.score(eigenvalues, 1.0)
        record["weighted"] = {
            "vendi": score,
            "rows_of_rho": "appended" if appended else "all",
            **weighted_scores(score, rows, others.baseline, settings, streams["weighted"]),
        }
    if others.reference is not None:
        record["reference"] = _against(features, others.reference, settings, streams["reference"])
    return plain(record)


def _check(features: Rows, labels: Indices | None, others: Comparisons, appended_from: int | None) -> None:
    """Refuse input whose shapes do not fit together."""
    check_rows("features", features, least=2)
    for name, rows in vars(others).items():
        if rows is not None:
            check_rows(name, rows, features.shape[1], least=2)
    if labels is not None and labels.shape != (len(features),):
        raise ValueError(f"labels must be one per row ({len(features)}), got {list(labels.shape)}")
    if appended_from is not None and not 0 <= appended_from <= len(features):
        raise ValueError(f"appended_from must lie in [0, {len(features)}], got {appended_from}")


def _sampled_vendi(scorer: vendi.Scorer, noise: Rows | None, settings: DiversitySettings, streams: Streams) -> Record:
    """Scores at the common number of rows, their references at the same number, and the curve over sizes."""
    size = min(settings.common_rows, len(scorer) // 2)
    common = vendi.sampled_scores(scorer, size, settings.draws, streams["common"])
    sizes = [rows for rows in settings.rarefaction_rows if rows != size]
    curve = vendi.rarefaction(scorer, sizes, settings.rarefaction_draws, streams["rarefaction"])
    # evenly in all directions: the most diverse set that independent draws make
    directions = streams["random"].standard_normal((size, scorer.features.shape[1]))
    return {
        "common": common,
        "noise": None if noise is None else _one_draw(noise, size, settings, streams["noise"]),
        "random_directions": _one_draw(directions, size, settings, streams["random"]),
        "rarefaction": sorted([*curve, common], key=lambda point: point["rows"]),
    }


def _one_draw(rows: Rows, size: int, settings: DiversitySettings, rng: np.random.Generator) -> Record:
    """Scores of `size` of the rows, or of all where there are fewer."""
    drawn = rows[draw(rng, len(rows), size)]
    return vendi.summary([vendi.scores(drawn, settings.orders)], len(drawn))


def _classes(scorer: vendi.Scorer, labels: Indices, settings: DiversitySettings, rng: np.random.Generator) -> Record:
    """Scores of each class, and their means over classes at the common number of rows of a class."""
    classes = vendi.by_class(scorer, labels, settings.class_rows, settings.draws, rng)
    scores = [record["common"]["mean"] for record in classes]
    means = {name: float(np.mean([score[name] for score in scores])) for name in scores[0]}
    return {"count": len(classes), "mean": means, "each": classes}


def _geometry(features: Rows, others: Comparisons, settings: DiversitySettings, streams: Streams) -> Record:
    """Mean cosine of all rows, spanning tree at the common size, entropy over the clusters of real rows."""
    size = min(settings.common_rows, len(features) // 2)
    sets = {"baseline": others.baseline, "reference": others.reference, "itself": features}
    origin, fitted = next((name, rows) for name, rows in sets.items() if rows is not None)
    # A stream of its own, not the run's: the same real rows give the same clusters in every condition.
    fixed, most = generator("diversity", "clusters"), settings.cluster_rows
    real = unit_rows(fitted[draw(fixed, len(fitted), most)])
    centres = geometry.cluster_centres(real, settings.clusters, fixed)
    chosen = features[draw(streams["clusters"], len(features), most)]
    entropy = geometry.cluster_entropy(unit_rows(chosen), centres)
    return {
        "mean_cosine": geometry.mean_cosine(features),
        "pldiv": geometry.sampled_pldiv(features, size, settings.rarefaction_draws, streams["tree"]),
        "cluster_entropy": {
            "value": entropy,
            "effective_clusters": math.exp(entropy),
            "clusters": len(centres),
            "clusters_of": origin,
            "rows": len(chosen),
        },
    }


def _against(features: Rows, held_out: Rows, settings: DiversitySettings, rng: np.random.Generator) -> Record:
    """The set against as many real rows, both in random order."""
    size = min(len(features), len(held_out), settings.reference_rows)
    real, rows = (rows[rng.permutation(len(rows))[:size]].astype(np.float64) for rows in (held_out, features))
    products = reference.inner_products(real, rows)
    squares = reference.squared_distances_of(products)
    near = settings.neighbours if settings.neighbours < size else None
    return {
        "rows": size,
        "distinct_rows": int(reference.distinct_rows(squares.set).sum()),
        "neighbours": near,
        **(reference.manifold_scores(squares, near) if near else dict.fromkeys(reference.MANIFOLD)),
        "coverage_expected": reference.expected_coverage(size, near) if near else None,
        "kid": reference.kid(products, real.shape[1], settings.kid_block_rows),
        "mmd2": reference.gaussian_mmd(squares),
        "energy_distance": reference.energy_distance(squares),
        "transport": reference.transport_distance(squares.between, settings.assigned_rows),
        "sliced_transport": reference.sliced_distance(real, rows, settings.projections, rng),
    }


def plain(value: Any) -> Any:
    """The value with Python's own types throughout, and None for what is not finite."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
