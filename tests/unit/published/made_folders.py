"""Folders of made-up WeightWatcher tables, and the published procedure as slow loops over them."""

import csv
import gzip
import itertools
import math
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from weightscape.formats.json_yaml import read_yaml
from weightscape.project import DEFAULT_CONFIG
from weightscape.published.settings import options

OPTIONS = options(read_yaml(DEFAULT_CONFIG)["analyse"])
METRICS = ("alpha", "entropy", "log_norm", "log_spectral_norm")
FAMILIES = {"mix": {"m1": 1, "m2": 2, "m3": None}, "drop": {"d.1": 0.1, "d.5": 0.5}, "decay": {"w1e-4": 1e-4}}
Tables = dict[tuple[str, str, str], dict[int, dict[str, float]]]
"""Values by (data set, condition, role), layer_id and metric; role is `before` or `after`."""


def tables(datasets: Mapping[str, Sequence[int]], seed: int = 0, baseline: str = "plain") -> Tables:
    """Tables of every condition on the given data sets, each with its layer ids."""
    rng = random.Random(seed)
    made: Tables = {}
    for dataset, ids in datasets.items():
        start = {layer: {metric: rng.uniform(1, 5) for metric in METRICS} for layer in ids}
        for condition in (baseline, *(name for members in FAMILIES.values() for name in members)):
            made[dataset, condition, "before"] = {layer: dict(values) for layer, values in start.items()}
            made[dataset, condition, "after"] = {
                layer: {metric: value + rng.gauss(0.1, 0.2) for metric, value in values.items()}
                for layer, values in start.items()
            }
    return made


def write(folder: Path, made: Tables, name: Callable[[str, str, str], str], **further: Callable[[int], Any]) -> Path:
    """Write the tables under the names that `name(dataset, condition, role)` gives; NaN becomes an empty cell."""
    for key, rows in made.items():
        path = folder / name(*key)
        path.parent.mkdir(parents=True, exist_ok=True)
        with gzip.open(path, "wt", newline="") if path.suffix == ".gz" else path.open("w", newline="") as stream:
            out = csv.writer(stream)
            out.writerow(["layer_id", "name", "longname", *METRICS, *further])
            for layer, values in rows.items():
                numbers = ["" if math.isnan(values[metric]) else repr(values[metric]) for metric in METRICS]
                out.writerow([layer, "Linear", f"block.{layer}", *numbers, *(make(layer) for make in further.values())])
    return folder


def content(after: str, before: str, baseline: str = "plain", **further: Any) -> dict[str, Any]:
    """The content of a conditions file for the made-up families."""
    return {"after": after, "before": before, "baseline": baseline, "families": FAMILIES, **further}


def expected(made: Tables, baseline: str = "plain") -> dict[tuple[str, str, str], float]:
    """Every statistic of the published procedure, by (scope, metric, name), as its text says it, in plain loops."""
    datasets = sorted({dataset for dataset, _, _ in made})
    profile: dict[str, dict[Any, dict[str, list[float]]]] = {family: {} for family in FAMILIES}
    for dataset in datasets:
        D = {
            name: _difference(made, dataset, name) for owner, name, role in made if (owner, role) == (dataset, "after")
        }
        head = max(layer for rows in D.values() for layer in rows)
        for family, members in FAMILIES.items():
            for layer in sorted({layer for name in members if name in D for layer in D[name]}):
                rows = [D[name][layer] for name in members if name in D and layer in D[name] and layer in D[baseline]]
                if not rows:
                    continue
                place = profile[family].setdefault("head" if layer == head else layer, {m: [] for m in METRICS})
                for metric in METRICS:
                    effects = [row[metric] - D[baseline][layer][metric] for row in rows]
                    place[metric].append(sum(effects) / len(effects))
    found = {}
    for scope, metric in itertools.product(("all_layers", "without_head"), METRICS):
        sample = {
            family: {
                k: sum(v[metric]) / len(v[metric]) for k, v in layers.items() if scope != "without_head" or k != "head"
            }
            for family, layers in profile.items()
        }
        found |= {(scope, metric, name): value for name, value in _statistics(sample).items()}
    return found


def _difference(made: Tables, dataset: str, condition: str) -> dict[int, dict[str, float]]:
    before, after = made[dataset, condition, "before"], made[dataset, condition, "after"]
    rows = {}
    for layer in set(before) & set(after):
        row = {metric: _zero(after[layer][metric]) - _zero(before[layer][metric]) for metric in METRICS}
        if any(value != 0 for value in row.values()):
            rows[layer] = row
    return rows


def _zero(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def _statistics(sample: Mapping[str, Mapping[Any, float]]) -> dict[str, float]:
    values = {family: list(layers.values()) for family, layers in sample.items()}
    mean = {family: sum(x) / len(x) for family, x in values.items()}
    found = {f"mean_{family}": value for family, value in mean.items()}
    found["n_layers"] = len(set().union(*sample.values()))
    everything = [value for x in values.values() for value in x]
    grand, k, n = sum(everything) / len(everything), len(values), len(everything)
    between = sum(len(x) * (mean[family] - grand) ** 2 for family, x in values.items()) / (k - 1)
    within = sum((value - mean[family]) ** 2 for family, x in values.items() for value in x) / (n - k)
    found["anova_F"] = between / within
    for one, other in itertools.combinations(values, 2):
        x, y = values[one], values[other]
        pooled = sum((v - mean[one]) ** 2 for v in x) + sum((v - mean[other]) ** 2 for v in y)
        pooled /= len(x) + len(y) - 2
        found[f"t_{one}_{other}"] = (mean[one] - mean[other]) / math.sqrt(pooled * (1 / len(x) + 1 / len(y)))
        common = sorted(set(sample[one]) & set(sample[other]), key=str)
        a, b = ([sample[family][layer] for layer in common] for family in (one, other))
        ma, mb = sum(a) / len(a), sum(b) / len(b)
        covariance = sum((v - ma) * (w - mb) for v, w in zip(a, b, strict=True))
        found[f"pearson_{one}_{other}"] = covariance / math.sqrt(
            sum((v - ma) ** 2 for v in a) * sum((w - mb) ** 2 for w in b)
        )
    return found
