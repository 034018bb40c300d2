"""Mixed model of the layers of one family's runs: random run, layer, and layer x condition.

y_rl = mean_c(r) + run_r + layer_l + (layer x condition)_lc + error_rl, with the run (family x dose x seed) as the
replicate. Every run has every layer, so that the variance components are those of the analysis of variance, which
are the REML estimates where all are positive (Searle, Casella & McCulloch 1992, sections 4.5 and 4.8); a layer's own
effect leaves every contrast. For conditions 1 and 0 with n_1 and n_0 runs, k runs of a condition (harmonic mean) and
L layers

    var(mean_1 - mean_0) = (1 / n_1 + 1 / n_0) MS_run / L + 2 (MS_layer:condition - MS_error) / (k L),

with Satterthwaite's degrees of freedom. statsmodels' MixedLM is the reference in the tests; started from its own
guess it stopped at a false boundary in balanced tables, and took 0.5 s for each fit.
"""

from dataclasses import dataclass, replace

import numpy as np

from weightscape.metrics.analysis.contrasts import Values, t_interval
from weightscape.metrics.analysis.design import Design


@dataclass(frozen=True)
class Mixed:
    """The effect of a dose, its interval and p, and the variance components; `why` says what forbids a verdict."""

    value: float
    low: float
    high: float
    error: float
    df: float
    statistic: float
    p: float
    run: float
    layer_condition: float
    residual: float
    why: str


def fit(design: Design, values: Values, family: str, dose: str, level: float = 0.95) -> Mixed:
    """The effect of a dose from values [runs, layers] of its family's conditions."""
    conditions = design.curve(family)
    blocks = [values[design.rows[c]] for c in conditions]
    n = [len(block) for block in blocks]
    layers = values.shape[1]
    weights = design.effect(family, dose)
    value = float(sum(w * values[design.rows[c]].mean() for c, w in weights.items()))
    unknown = Mixed(value, *[float("nan")] * 9, why="")
    if min(n) < 2 or layers < 2:
        return replace(unknown, why="no replicates" if min(n) < 2 else "fewer than two layers")
    squares, dfs = mean_squares(blocks)
    ms_run, ms_cross, ms_error = (s / df for s, df in zip(squares, dfs, strict=True))
    per_cell = len(n) / sum(1 / each for each in n)  # harmonic mean of the runs of a condition
    run, cross = (ms_run - ms_error) / layers, (ms_cross - ms_error) / per_cell
    if run <= 0 or cross <= 0:
        which = "runs" if run <= 0 else "layer x condition"
        return replace(unknown, why=f"singular fit: the variance of {which} is not above zero")
    share = sum(1 / len(design.rows[c]) for c in weights)
    a, b = share / layers, 2 / layers / per_cell  # of MS_run and MS_cross
    parts = np.array([a * ms_run, b * ms_cross, -b * ms_error])
    variance = parts.sum()
    if variance <= 0:
        return replace(unknown, why="singular fit: the variance of the effect is not above zero")
    df = float(variance**2 / np.sum(parts**2 / np.array(dfs)))
    error = float(np.sqrt(variance))
    _, low, high, p = t_interval(value, error, df, level)
    return Mixed(value, low, high, error, df, value / error, p, run, cross, ms_error, "")


def mean_squares(blocks: list[Values]) -> tuple[tuple[float, float, float], tuple[int, int, int]]:
    """Sums of squares and degrees of freedom of runs, layer x condition and error, from [runs, layers] by condition."""
    layers = blocks[0].shape[1]
    of_layer = np.array([block.mean(axis=0) for block in blocks])  # conditions x layers
    cells = of_layer - of_layer.mean(axis=1, keepdims=True)
    n = np.array([len(block) for block in blocks])
    typical = len(n) / np.sum(1 / n)
    cross = typical * ((cells - cells.mean(axis=0)) ** 2).sum()
    run = layers * sum(((block.mean(axis=1) - block.mean()) ** 2).sum() for block in blocks)
    error = sum(
        ((block - block.mean(axis=1, keepdims=True) - block.mean(axis=0) + block.mean()) ** 2).sum() for block in blocks
    )
    free = int((n - 1).sum())
    dfs = (free, (len(blocks) - 1) * (layers - 1), free * (layers - 1))
    return (float(run), float(cross), float(error)), dfs
