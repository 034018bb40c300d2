"""Tables of a made-up study of realistic size, seeded, in the form that stage 6 writes."""

import itertools

import numpy as np
import pandas as pd

DOSES = {
    "augment": {"weak": 1.0, "medium": 2.0, "strong": 3.0},
    "noise": {"weak": 0.02, "strong": 0.05},
    "synthetic_add": {"half": 0.5, "equal": 1.0},
    "synthetic_replace": {"half": 0.5, "all": 1.0},
    "dropout": {"weak": 0.1, "medium": 0.3, "strong": 0.5},
    "weight_decay": {"weak": 0.05, "medium": 0.5, "strong": 2.0},
    "label_noise": {"fifth": 0.2},
}
STRENGTH = {"augment": 0.0008, "dropout": -0.002, "weight_decay": -0.12, "label_noise": 0.004}
SPLITS = ("val", "test", "ood-uci-digits", "ood-uci-digits-full", "ood-noise-3", "ood-blur-3")
METRICS = ("log_norm", "log_spectral_norm", "alpha", "entropy", "stable_rank")
SCALE = {"log_norm": 1.0, "log_spectral_norm": 2.0, "alpha": 8.0, "entropy": 0.2, "stable_rank": 30.0}


def conditions(seeds: int = 3, families: tuple[str, ...] = tuple(DOSES)) -> pd.DataFrame:
    """All runs of the study: dataset, backbone, family, dose, number, seed."""
    rows = [
        ("digits", "efficientnet-lite0", family, dose, number, seed)
        for family in families
        for dose, number in {"baseline": 0.0, **DOSES.get(family, {"some": 1.0})}.items()
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows, columns=["dataset", "backbone", "family", "dose", "number", "seed"])


def study(
    seeds: int = 3, layers: int = 48, families: tuple[str, ...] = tuple(DOSES), chance: int = 0
) -> dict[str, pd.DataFrame]:
    """All tables of a study."""
    rng = np.random.default_rng(chance)
    runs = conditions(seeds, families)
    effects = _effects(runs, layers, rng)
    return {
        "runs": _runs(runs, rng),
        "evaluation": _evaluation(runs, rng),
        "effects": effects,
        "run_effects": _run_effects(effects),
        "diversity": _diversity(runs, rng),
        "quality": _quality(),
        "samples": _samples(families, rng),
        "spectra_examples": _spectra(families, rng),
    }


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
        parts.append(runs.assign(split=split, accuracy=accuracy.clip(0, 1), nll=0.3, brier=0.1, ece=ece, images=500))
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
    own = table[table["dose"] == "baseline"].groupby(["family", "metric", "source", "layer"])["effect"].mean()
    keys = pd.MultiIndex.from_frame(table[["family", "metric", "source", "layer"]])
    return table.assign(effect=table["effect"] - own.reindex(keys).to_numpy())


def _run_effects(effects: pd.DataFrame) -> pd.DataFrame:
    by = ["dataset", "backbone", "family", "dose", "number", "seed", "role", "source", "metric"]
    groups = effects.groupby(by)
    return groups.agg(
        value_mean=("value", "mean"),
        effect_mean=("effect", "mean"),
        effect_rms=("effect", lambda values: float(np.sqrt(np.mean(np.square(values))))),
        layers=("layer", "count"),
    ).reset_index()


def _diversity(runs: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    base = {"vendi_1": 32.0, "vendi_2": 12.0, "weighted_vendi": 30.0, "mean_cosine": 0.41}
    parts = []
    for space, (measure, value) in itertools.product(("pixels", "efficientnet-lite0"), base.items()):
        sign = 1 if space == "pixels" else -0.3
        values = value * (1 + 0.1 * sign * runs["number"] + rng.normal(0, 0.01, len(runs)))
        parts.append(runs.drop(columns="backbone").assign(space=space, measure=measure, value=values))
    return pd.concat(parts, ignore_index=True)


def _quality() -> pd.DataFrame:
    guidance = [0.0, 2.0, 4.0]
    return pd.DataFrame(
        {
            "dataset": "digits",
            "generator": "ddpm",
            "guidance": guidance,
            "images": [200, 2000, 200],
            "judge_accuracy": [0.742, 0.913, 0.884],
            "judge_test_accuracy": 0.961,
            "kid": [0.021, 0.034, 0.072],
            "precision": [0.71, 0.83, 0.87],
            "recall": [0.62, 0.48, 0.21],
            "density": [0.8, 1.02, 1.1],
            "coverage": [0.73, 0.68, 0.4],
        }
    )


def _samples(families: tuple[str, ...], rng: np.random.Generator) -> pd.DataFrame:
    rows = [_sample(rng, "real", None, None, np.nan, label, at, 28) for label in range(10) for at in range(8)]
    for guidance, label, at in itertools.product((0.0, 2.0, 4.0), range(10), range(8)):
        rows.append(_sample(rng, "synthetic", None, None, guidance, label, at, 16))
    for family in {"augment", "noise"} & set(families):
        for dose, label in itertools.product(DOSES[family], range(10)):
            rows += [_sample(rng, family, family, dose, np.nan, label, at, 28) for at in range(2)]
    return pd.DataFrame(rows)


def _sample(rng: np.random.Generator, kind, family, dose, guidance, label, position, side) -> dict:
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    ring = np.exp(-((np.hypot(x * (1 + label / 5), y) - 0.5 - 0.1 * rng.random()) ** 2) / 0.02)
    pixels = (255 * ring).astype(np.uint8).tobytes()
    names = (
        "dataset",
        "kind",
        "family",
        "dose",
        "guidance",
        "label",
        "position",
        "channels",
        "height",
        "width",
    )
    values = ("digits", kind, family, dose, guidance, label, position, 1, side, side)
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
                        "sigma_mp": 1.0,
                    }
                    | {"bulk_min": bulk[0], "bulk_max": bulk[1], "eigenvalues": values}
                )
    return pd.DataFrame(rows)
