"""Fake studies with a known truth, to size the analysis.

The value of a metric in layer l of run r of condition c is

    change_l + strength_c profile_fl + scale_c (shared z_r shock_l + e_rl),

z and e standard normal: `shared` is the part of a run's shock that its layers have in common (the layers' correlation
is shared^2 / (1 + shared^2)). `strength` rises from 0 at the baseline to 1 at a family's strongest dose. All in units
of the layers' own noise. All are measured against one pool of baseline runs.
The change and the update of a metric have one profile and noise of their own; the head's stable rank follows from its
two norms.
"""

import functools
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from weightscape.families import BASELINE, DIVERSITY_FAMILIES, baseline_number
from weightscape.formats.json_yaml import read_yaml
from weightscape.formats.tables import Table
from weightscape.metrics.analysis.contrasts import Values
from weightscape.metrics.analysis.design import Design
from weightscape.metrics.analysis.setups import Layers, Setup
from weightscape.project import DEFAULT_CONFIG
from weightscape.study.doses import dose_number, doses

BACKBONE = "net"
MEASURED = (BASELINE, *DIVERSITY_FAMILIES)
"""The families whose images are looked at."""
DOSES = {
    "augment": (1.0, 2.0, 3.0),
    "noise": (0.5, 1.0),
    "synthetic_add": (0.5, 1.0),
    "synthetic_replace": (0.5, 1.0),
    "dropout": (0.1, 0.3, 0.5),
    "weight_decay": (0.5, 1.0, 2.0),
    "label_noise": (0.2,),
    "duplicate": (0.5,),
    "real_add": (1.0,),
    "steps": (0.5, 1.5),
}


@functools.cache
def of_config() -> Mapping[str, tuple[float, ...]]:
    """The families of config.yaml's study and the numbers of their doses."""
    config = read_yaml(DEFAULT_CONFIG)
    families = config["study"]["families"]
    return {name: tuple(dose_number(config, name, dose) for dose in doses(config, name)) for name in families}


@dataclass(frozen=True)
class Truth:
    """The truth of a fake study. Profiles and `heads` are effects of the strongest dose; absent families have none."""

    seeds: int = 3
    pool: int = 0  # baseline runs; 0 for 12, or three times the seeds
    families: tuple[str, ...] = tuple(DOSES)
    doses: Mapping[str, tuple[float, ...]] = field(default_factory=lambda: DOSES)
    layers: int = 16
    metrics: tuple[str, ...] = ("log_norm", "entropy")
    profiles: Mapping[str, Values] = field(default_factory=dict)  # [layers], or [metrics, layers]
    heads: Mapping[str, float] = field(default_factory=dict)
    outcomes: Mapping[tuple[str, str], float] = field(default_factory=dict)  # (outcome, family)
    vendi: Mapping[str, float] = field(default_factory=dict)  # by space: change of ln Vendi at the strongest dose
    shared: float = 0.7
    head_noise: float = 5.0
    unequal: float = 1.0  # standard deviation of the strongest dose over that of the baseline
    change: float = 5.0  # of the baseline runs
    limited: float = 0.05  # validation accuracy gained by the strongest real_add: data limits training


def runs_of(truth: Truth) -> Table:
    """The runs: dataset, backbone, family, dose, number, seed."""
    pool = truth.pool or max(12, 3 * truth.seeds)
    rows = [("fake", BACKBONE, BASELINE, BASELINE, 0.0, seed) for seed in range(pool)]
    rows += [
        ("fake", BACKBONE, family, f"d{k}", number, seed)
        for family in truth.families
        for k, number in enumerate(truth.doses[family])
        for seed in range(truth.seeds)
    ]
    return pd.DataFrame(rows, columns=["dataset", "backbone", "family", "dose", "number", "seed"])


def setup(truth: Truth, rng: np.random.Generator, known: Table | None = None) -> Setup:
    """One fake setup; `known` is the table of its runs, to save making it again."""
    runs: Table = runs_of(truth) if known is None else known
    number = runs["number"].to_numpy(float)
    family = runs["family"].to_numpy(str)
    neutral = {name: baseline_number(name) for name in (BASELINE, *truth.families)}
    top = {name: max(abs(x - neutral[name]) for x in truth.doses[name]) for name in truth.families} | {BASELINE: 1.0}
    strength = np.array([(x - neutral[name]) / top[name] for x, name in zip(number, family, strict=True)])
    scale = 1 + (truth.unequal - 1) * np.abs(strength)
    means = _means(truth, family, strength)
    head = np.array([truth.heads.get(name, 0.0) for name in family]) * strength
    kinds = np.where(np.arange(truth.layers) % 2, "conv2d", "linear")
    names = np.array([f"layer{k:02d}" for k in range(truth.layers)])
    sources: dict[str, dict[str, Layers]] = {"change": {}, "update": {}}
    for source, (metric, mean) in itertools.product(sources, zip(truth.metrics, means, strict=True)):
        shock = rng.normal(size=(len(runs), 1))
        noise = truth.shared * shock + rng.normal(size=(len(runs), truth.layers))
        top_noise = truth.head_noise * rng.normal(size=len(runs))
        sources[source][metric] = Layers(
            truth.change + mean + scale[:, None] * noise, truth.change + head + scale * top_noise, kinds, names, 0
        )
    for of_source in sources.values():
        _follow(of_source)
    found = {"relative_change": 0.1 + 0.001 * scale * rng.normal(size=len(runs))}
    for outcome, base in {"test": 0.9, "val": 0.9, "ood": 0.5, "ece": 0.05, "weighted_trace": 3.0}.items():
        effect = np.array([truth.outcomes.get((outcome, name), 0.0) for name in family]) * strength
        found[outcome] = base + effect + 0.005 * scale * rng.normal(size=len(runs))
    found["val"] = found["val"] + truth.limited * (family == "real_add") * strength
    found["gap"] = 0.95 - found["test"]
    wrong = np.array([truth.outcomes.get(("judge", name), 0.0) for name in family]) * strength
    found["judge"] = np.where(np.isin(family, MEASURED), 0.98 + wrong, np.nan)
    scores = _diversity(truth, family, strength, rng)
    design, updates = Design.of(runs), sources["update"]
    return Setup("fake", BACKBONE, design, sources["change"], found, scores, updates=updates)


def _means(truth: Truth, family: np.ndarray, strength: Values) -> Values:
    """The true effects [metrics, runs, layers]."""
    shape, profiles = (len(truth.metrics), truth.layers), {}
    for name in {*family}:
        profiles[name] = np.broadcast_to(np.asarray(truth.profiles.get(name, 0.0), float), shape)
    return np.stack([profiles[name] for name in family], axis=1) * strength[:, None]


def _follow(layers: dict[str, Layers]) -> None:
    """Makes the head's log stable rank what its two norms make it."""
    norms = [layers[name].head for name in ("log_norm", "log_spectral_norm") if name in layers]
    if len(norms) == 2 and "log_stable_rank" in layers:
        layers["log_stable_rank"] = replace(layers["log_stable_rank"], head=2 * (norms[0] - norms[1]))


def _diversity(truth: Truth, family: np.ndarray, strength: Values, rng: np.random.Generator) -> dict:
    """Scores in both spaces for the data families and the baseline; they follow the strength as `vendi` says."""
    measured = np.where(np.isin(family, MEASURED), 1.0, np.nan)
    found = {}
    for space in ("pixels", BACKBONE):
        log = 3 + truth.vendi.get(space, 0.0) * strength + 0.01 * rng.normal(size=len(family))
        rho = 0.9 - 0.1 * np.abs(strength) + 0.005 * rng.normal(size=len(family))
        score = np.exp(log) * measured
        found |= {
            (space, "vendi_1"): score,
            (space, "vendi_0.5"): 1.1 * score,
            (space, "vendi_2"): 0.9 * score,
            (space, "vendi_whole_1"): score * 1.2,
            (space, "weighted.rho.published"): rho * measured,
            (space, "weighted.score.published"): score * 1.2 * rho,
            (space, "vendi.noise.mean.1"): 200 * measured,
        }
    return found


def tables(truth: Truth, rng: np.random.Generator) -> dict[str, Table]:
    """The same as tables in the form that stage 6 writes (layers has only what the analysis reads)."""
    runs = runs_of(truth)
    made = setup(truth, rng, runs)
    layer_rows, effect_rows = [], []
    every = [("change", *item) for item in made.metrics.items()] + [("delta", *item) for item in made.updates.items()]
    for source, metric, layers in every:
        for k, name in enumerate([*layers.names, "head"]):
            hidden = k < len(layers.names)
            values = layers.hidden[:, k] if hidden else layers.head
            columns = {"layer": name, "part": "weight", "role": "hidden" if hidden else "head"}
            columns |= {"kind": layers.kinds[k] if hidden else "linear", "metric": metric, "source": source}
            effect_rows.append(runs.assign(**columns, value=values))
    for matrix in ("delta",):
        columns = {"layer": "layer00", "part": "weight", "role": "hidden", "kind": "linear", "matrix": matrix}
        layer_rows.append(runs.assign(**columns, status="ok", relative_norm=made.outcomes["relative_change"]))
    out = made.outcomes
    splits = [
        runs.assign(split="test", accuracy=out["test"], ece=out["ece"], nll=0.3),
        runs.assign(split="val", accuracy=out["val"], ece=out["ece"], nll=0.3),
        runs.assign(split="ood-a", accuracy=out["ood"], ece=out["ece"], nll=0.3),
        runs.assign(split="train", accuracy=0.95, ece=0.01, nll=0.2),
    ]
    diversity = [
        runs.drop(columns="backbone").assign(space=space, measure=measure, value=values).dropna(subset=["value"])
        for (space, measure), values in made.diversity.items()
    ]
    return {
        "effects": pd.concat(effect_rows, ignore_index=True),
        "layers": pd.concat(layer_rows, ignore_index=True),
        "evaluation": pd.concat(splits, ignore_index=True),
        "runs": runs.assign(train_accuracy=0.4, judge_accuracy=out["judge"]),
        "diversity": pd.concat(diversity, ignore_index=True),
        "curvature": runs.assign(weighted_trace=out["weighted_trace"]),
        "penalties": runs.assign(penalty="dropout", penalty_dose="d2", value=out["ece"]),
    }
