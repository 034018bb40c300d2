"""Tables of a made-up study of realistic size, seeded, with the columns that the schema of stage 6 names.

Each function fills the columns that a figure or the page reads; the others are filled by their types.
"""

import itertools

import numpy as np
import pandas as pd

from unit.figures import made_analysis
from unit.figures.made_analysis import METRICS, POOL, whole
from weightscape.metrics import outcomes, table_schema
from weightscape.metrics.analysis import condition_intervals
from weightscape.metrics.analysis.condition_intervals import of_baselines
from weightscape.metrics.summaries import setups_of

DOSES = {
    "augment": {"weak": 1.0, "medium": 2.0, "strong": 3.0},
    "noise": {"weak": 0.02, "strong": 0.05},
    "synthetic_add": {"half": 0.5, "equal": 1.0},
    "synthetic_replace": {"half": 0.5, "all": 1.0},
    "dropout": {"weak": 0.1, "medium": 0.3, "strong": 0.5},
    "weight_decay": {"weak": 0.05, "medium": 0.5, "strong": 2.0},
    "label_noise": {"fifth": 0.2},
}
FURTHER = {"steps": {"fewer": 0.5, "more": 1.5}}
"""Families that a study has when they are asked for."""
STRENGTH = {"augment": 0.0008, "dropout": -0.002, "weight_decay": -0.12, "label_noise": 0.004}
SPLITS = ("val", "test", "ood-uci-digits", "ood-uci-digits-full", "ood-noise-3", "ood-blur-3")
LEVEL = 0.95
SCALE = {"log_norm": 1.0, "log_spectral_norm": 2.0, "alpha": 8.0, "entropy": 0.2, "log_stable_rank": 1.0}


Setups = tuple[tuple[str, str], ...]
ONE_SETUP = (("digits", "efficientnet-lite0"),)


def conditions(seeds: int = 3, families: tuple[str, ...] = tuple(DOSES), setups: Setups = ONE_SETUP) -> pd.DataFrame:
    """All runs of the study: dataset, backbone, family, dose, number, seed."""
    rows = [
        (*setup, family, dose, number, seed)
        for setup in setups
        for family in ("baseline", *families)
        for dose, number in _numbers(family).items()
        for seed in range(POOL * seeds if family == "baseline" else seeds)
    ]
    return pd.DataFrame(rows, columns=["dataset", "backbone", "family", "dose", "number", "seed"])


def _numbers(family: str) -> dict[str, float]:
    return {"baseline": 0.0} if family == "baseline" else (DOSES | FURTHER).get(family, {"some": 1.0})


def study(
    seeds: int = 3,
    layers: int = 48,
    families: tuple[str, ...] = tuple(DOSES),
    chance: int = 0,
    setups: Setups = ONE_SETUP,
) -> dict[str, pd.DataFrame]:
    """All tables of a study."""
    rng = np.random.default_rng(chance)
    runs = conditions(seeds, families, setups)
    effects = _effects(runs, layers, rng)
    made = {
        "runs": _runs(runs, rng),
        "evaluation": _evaluation(runs, rng),
        "effects": effects,
        "run_effects": _run_effects(effects),
        "diversity": _diversity(runs, rng),
        "quality": _quality(),
        "splits": table_schema.empty("splits"),
        "samples": _samples(families, rng),
        "spectra_examples": _spectra(families, rng),
        "esd": _esd(runs, effects, rng),
        "reliability": _reliability(runs, rng),
        "weight_change": _weight_change(runs, rng),
        "similarity": made_analysis.similarity(runs, rng),
        "signature": made_analysis.signature(runs, rng),
        "condition_effects": made_analysis.condition_effects(runs, rng),
        "conditions": made_analysis.conditions(runs),
        "slopes": _of_setups(setups, family="dropout", metric="log_norm", scope="hidden", slope=0.1, n=9),
        "predictions": _of_setups(setups, outcome="ood", predictor="vendi_1", r=0.3, n=9),
        "curvature": runs.assign(largest_eigenvalue=9.0, trace=30.0),
        "penalties": runs.assign(penalty="dropout", penalty_dose="strong", clean_loss=0.2, perturbed_loss=0.3),
        "penalty_transfer": made_analysis.penalty_transfer(runs, rng),
    }
    made |= intervals(made) | {"over_setups": made_analysis.over_setups(made)}
    return {name: whole(name, table) for name, table in made.items()} | {
        "claims": made_analysis.claims(),
        "tests": made_analysis.tests(),
    }


def intervals(made: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The tables of intervals, as the program `analyse` makes them from the others."""
    measured = outcomes.of_all_runs(made["evaluation"], made["diversity"], setups_of(made["runs"]))
    return {
        "effect_intervals": condition_intervals.of_effects(made["effects"], made["run_effects"], LEVEL),
        "outcome_intervals": condition_intervals.of_outcomes(measured, LEVEL),
        "baseline_differences": of_baselines(made["run_effects"], LEVEL),
    }


def _of_setups(setups: Setups, **columns: object) -> pd.DataFrame:
    """One row per data set and backbone, with an interval."""
    return pd.DataFrame([{"dataset": d, "backbone": b, "low": 0.0, "high": 0.5, **columns} for d, b in setups])


def _runs(runs: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    changed = runs["number"].where(runs["family"] == "augment", 0.0)
    return runs.assign(
        items=2000,
        synthetic_share=runs["number"].where(runs["family"].str.startswith("synthetic"), 0.0) / 2,
        changed_labels=runs["number"].where(runs["family"] == "label_noise", 0.0),
        changed_images=(changed > 0).astype(float),
        mean_input_change=0.03 * changed,
        head_drop_rate=runs["number"].where(runs["family"] == "dropout", 0.0),
        path_drop_rate=runs["number"].where(runs["family"] == "dropout", 0.0) / 2,
        train_loss=0.2 + 0.02 * rng.random(len(runs)),
        train_accuracy=0.96 - 0.02 * rng.random(len(runs)),
    )


def _evaluation(runs: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    base = dict(zip(SPLITS, (0.94, 0.95, 0.55, 0.42, 0.9, 0.6), strict=True))
    parts = []
    for split in SPLITS:
        spread = 0.006 if split in ("val", "test") else 0.04
        accuracy = base[split] - 0.02 * runs["number"] + rng.normal(0, spread, len(runs))
        ece = np.abs(0.02 + 0.01 * runs["number"] + rng.normal(0, 0.004, len(runs)))
        away = split.startswith("ood-")
        columns = {"ece": ece, "images": 500, "seen": (runs["family"] == "noise") & (split == "ood-noise-3")}
        columns |= {"effective_robustness": rng.normal(0, spread, len(runs)) if away else np.nan}
        parts.append(runs.assign(split=split, accuracy=accuracy.clip(0, 1), **columns))
    return pd.concat(parts, ignore_index=True)


def _effects(runs: pd.DataFrame, layers: int, rng: np.random.Generator) -> pd.DataFrame:
    names = [f"blocks.{i // 8}.{i // 3 % 3}.conv_pw{'l' if i % 3 else ''}_{i}" for i in range(layers)] + ["classifier"]
    shape = rng.normal(1, 0.4, len(names))
    hidden = np.arange(len(names)) < layers
    strength = np.array([STRENGTH.get(run.family, 0.0005) * run.number for run in runs.itertuples()])
    index = np.repeat(np.arange(len(runs)), len(names))
    parts = []
    for metric, source in itertools.product(METRICS, ("change", "delta")):
        noise = rng.normal(0, 0.0006, (len(runs), len(names)))
        effect = SCALE[metric] * (strength[:, None] * shape + noise) * np.where(hidden, 1, 20)
        columns = {"metric": metric, "source": source, "part": "weight", "kind": "conv2d"}
        columns |= {
            "layer": names * len(runs),
            "role": np.tile(np.where(hidden, "hidden", "head"), len(runs)),
        }
        columns |= {"effect": effect.ravel(), "value": effect.ravel() + 0.0144}
        parts.append(runs.iloc[index].reset_index(drop=True).assign(**columns))
    table = pd.concat(parts, ignore_index=True)
    by = ["dataset", "backbone", "metric", "source", "layer"]
    own = table[table["dose"] == "baseline"].groupby(by)["effect"].mean()
    keys = pd.MultiIndex.from_frame(table[by])
    return table.assign(effect=table["effect"] - own.reindex(keys).to_numpy())


def _run_effects(effects: pd.DataFrame) -> pd.DataFrame:
    by = ["dataset", "backbone", "family", "dose", "number", "seed", "role", "source", "metric"]
    table = (
        effects.assign(square=effects["effect"] ** 2)
        .groupby(by)
        .agg(
            value_mean=("value", "mean"),
            effect_mean=("effect", "mean"),
            effect_rms=("square", "mean"),
            layers=("layer", "count"),
        )
        .reset_index()
    )
    return table.assign(effect_rms=np.sqrt(table["effect_rms"]))


def _diversity(runs: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    base = {"vendi_1": 32.0, "vendi_2": 12.0, "weighted.score.published": 30.0, "mean_cosine": 0.41}
    base |= {"weighted.score.covariance": 29.0, "pldiv.mean": 0.6, "cluster_entropy.value": 2.5}
    base |= {"weighted.score.permuted_min": 18.0, "weighted.score.permuted_max": 31.0}
    base |= {"recall": 0.8, "coverage": 0.9, "kid.value": 0.02}
    parts = []
    for space, (measure, value) in itertools.product(("pixels", "efficientnet-lite0"), base.items()):
        sign = 1 if space == "pixels" else -0.3
        values = value * (1 + 0.1 * sign * runs["number"] + rng.normal(0, 0.01, len(runs)))
        parts.append(runs.drop(columns="backbone").assign(space=space, measure=measure, value=values))
    return pd.concat(parts, ignore_index=True).drop_duplicates(
        ["dataset", "family", "dose", "seed", "space", "measure"]
    )


RECIPES = ["blind", "guided", "strong"]


def _quality() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "dataset": "digits",
            "generator": "ddpm",
            "recipe": RECIPES,
            "guidance": [0.0, 2.0, 4.0],
            "images": [200, 2000, 200],
            "judge_accuracy": [0.742, 0.913, 0.884],
            "judge_accuracy_per_class": [[0.9]] * 3,
            "judge_test_accuracy": 0.961,
            "kid": [0.021, 0.034, 0.072],
            "precision": [0.71, 0.83, 0.87],
            "recall": [0.62, 0.48, 0.21],
            "density": [0.8, 1.02, 1.1],
            "coverage": [0.73, 0.68, 0.4],
        }
    )


def _samples(families: tuple[str, ...], rng: np.random.Generator) -> pd.DataFrame:
    rows = [_sample(rng, "real", "", "", "", label, at, 28) for label in range(10) for at in range(8)]
    for recipe, label, at in itertools.product(RECIPES, range(10), range(8)):
        rows.append(_sample(rng, "synthetic", "", "", recipe, label, at, 16))
    for family in {"augment", "noise"} & set(families):
        for dose, label in itertools.product(DOSES[family], range(10)):
            rows += [_sample(rng, family, family, dose, "", label, at, 28) for at in range(2)]
    return pd.DataFrame(rows)


def _sample(rng: np.random.Generator, kind, family, dose, recipe, label, position, side) -> dict:
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    ring = np.exp(-((np.hypot(x * (1 + label / 5), y) - 0.5 - 0.1 * rng.random()) ** 2) / 0.02)
    pixels = (255 * ring).astype(np.uint8).tobytes()
    values = ("digits", kind, family, dose, recipe, label, position, 1, side, side)
    names = ["dataset", "kind", "family", "dose", "recipe", "label", "position", "channels", "height", "width"]
    return {**dict(zip(names, values, strict=True)), "pixels": pixels}


def _spectra(families: tuple[str, ...], rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    chosen = conditions(1, families).groupby("family").tail(1)
    runs = pd.concat([conditions(1, families).head(1), chosen[chosen["family"].isin(["augment", "weight_decay"])]])
    for layer, (large, small) in {
        "blocks.3.1.conv_pw": (480, 80),
        "blocks.5.2.conv_pwl": (1152, 192),
    }.items():
        start = rng.normal(0, 0.05, (large, small)) + 0.8 * np.outer(
            rng.normal(0, 0.05, large), rng.normal(0, 1, small)
        )
        for run in runs.drop_duplicates().itertuples(index=False):
            delta = rng.normal(0, 0.004, (large, small)) - 0.1 * (run.family == "weight_decay") * start
            for matrix, weights in {"before": start, "after": start + delta, "delta": delta}.items():
                values = np.linalg.svd(weights, compute_uv=False)[::-1] ** 2
                bulk = np.median(values) * 1.1 / large * (np.sqrt(large) + np.array([-1, 1]) * np.sqrt(small)) ** 2
                rows.append(
                    run._asdict()
                    | {
                        "layer": layer,
                        "part": "weight",
                        "matrix": matrix,
                        "N": large,
                        "M": small,
                    }
                    | {"mp_lower": bulk[0], "mp_upper": bulk[1], "eigenvalues": values}
                    | {"alpha": 3.1, "xmin": float(np.quantile(values, 0.7))}
                )
    return pd.DataFrame(rows)


def _esd(runs: pd.DataFrame, effects: pd.DataFrame, rng: np.random.Generator, bins: int = 48) -> pd.DataFrame:
    """A histogram per condition, layer and matrix; that before training has bins of its own width."""
    layers = effects[["layer", "part", "role"]].drop_duplicates()
    before = runs[["dataset", "backbone"]].drop_duplicates().assign(family="", dose="", number=0.0, matrix="before")
    after = runs.drop(columns="seed").drop_duplicates()
    parts = [before, after.assign(matrix="after"), after.assign(matrix="delta")]
    table = pd.concat([part.merge(layers, how="cross") for part in parts], ignore_index=True)
    low = np.where(table["matrix"] == "delta", -5.0, -3.0)
    center = bins * (0.3 + 0.1 * rng.random(len(table)))
    height = np.exp(-((np.arange(bins) - center[:, None]) ** 2) / 60)
    counts = np.round(80 * height / height.sum(axis=1, keepdims=True)).astype(int)
    law = {"mp_lower": 10.0 ** (low + 0.7), "mp_upper": 10.0 ** (low + 2.2), "alpha": 3.2, "xmin": 10.0 ** (low + 2)}
    wide = np.where(table["matrix"] == "before", 3.0, 4.5)
    sizes = {"low": low, "high": low + wide, "eigenvalues": counts.sum(axis=1), "counts": list(counts)}
    return table.assign(N=480, M=80, seeds=runs["seed"].nunique(), **sizes, **law)


def _reliability(runs: pd.DataFrame, rng: np.random.Generator, bins: int = 15) -> pd.DataFrame:
    """Confidence bins of the test set and one OOD set; the lowest bins are empty."""
    parts = []
    for split, over in (("test", 0.02), ("ood-uci-digits", 0.15)):
        table = runs.merge(pd.DataFrame({"bin": range(bins)}), how="cross").assign(split=split)
        confidence = (table["bin"] + 0.5) / bins
        accuracy = (confidence - over - 0.05 * table["number"] + rng.normal(0, 0.02, len(table))).clip(0, 1)
        images = 3 * table["bin"] ** 2
        some = images > 0
        parts.append(table.assign(images=images, confidence=confidence.where(some), accuracy=accuracy.where(some)))
    return pd.concat(parts, ignore_index=True)


def _weight_change(runs: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    hidden = 0.12 + 0.05 * runs["number"] + rng.normal(0, 0.002, len(runs))
    return pd.concat(
        [runs.assign(role="hidden", relative_change=hidden), runs.assign(role="head", relative_change=1.5 + hidden)],
        ignore_index=True,
    )


def large(runs: int = 3000, layers: int = 48) -> dict[str, pd.DataFrame]:
    """A study of about `runs` runs: several data sets and backbones."""
    each = len(conditions(3))
    count = -(-runs // each)
    setups = tuple((f"data-{i % 8}", f"backbone-{i // 8}") for i in range(count))
    return study(layers=layers, setups=setups)
