"""C5: the head carries the largest change under diversity and dropout.

Intersection-union: |effect on the head| exceeds that on a layer if the effect on head - layer and on head + layer
differ from zero with equal signs; the head is largest if it exceeds every layer, each at the same alpha (Berger 1982).
That some layer exceeds the head is corrected for the number of layers. The head's alpha is no evidence.
"""

from dataclasses import replace

import numpy as np

from weightscape.families import DIVERSITY, DROPOUT
from weightscape.metrics.analysis.contrasts import contrast
from weightscape.metrics.analysis.controls import table as controls
from weightscape.metrics.analysis.reasons import NONE, Lack, Reason
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import Layers, Setup
from weightscape.metrics.analysis.verdicts import ClaimTest, Decision, Numbers, all_of, judge, undecided
from weightscape.metrics.spectral_metrics import PRIMARY, unit
from weightscape.words import layer as of_layer
from weightscape.words import metric as of_metric

STATEMENT = "The head carries the largest change under diversity and dropout."
RULE = (
    "supported if under the most diverse augment and the strongest dropout the head's |effect| on the log10 norm "
    "exceeds every hidden layer's; contradicted if under one of them some hidden layer's exceeds the head's"
)
COUNTS = "runs"
NEEDS = (DIVERSITY, DROPOUT)
compared = controls.head


def decide(setup: Setup, options: Options) -> Decision:
    """The verdict from the head against the largest hidden layer, under both families."""
    metrics = [metric for metric in options.metrics if metric != "alpha"]
    tests = [_largest(setup, metric, family, options) for metric in metrics for family in NEEDS]
    judge(tests, options.alpha)
    deciding = [test for test in tests if test.decides]
    if not deciding:
        return undecided(Reason(f"{of_metric(PRIMARY)} is not among the metrics"), tests)
    return all_of(tests, deciding, deciding[0])


def _largest(setup: Setup, metric: str, family: str, options: Options) -> ClaimTest:
    """The head's |effect| less that of the hidden layer with the largest one."""
    layers, design = setup.metrics[metric], setup.design
    test = ClaimTest(
        "head against the largest hidden layer",
        metric,
        unit(metric),
        family=family,
        dose=str(design.strongest(family)),
        scope="head",
        expects=1,
        decides=metric == PRIMARY,
    )
    headless = Lack.NOT_MEASURED.reason(what="the head").within(after=" in every run")
    test.note = Reason(layers.lacking(metric)) or (NONE if np.isfinite(layers.head).all() else headless)
    if test.note:
        return test
    p = _p_of_largest(setup, layers, family, options)
    weights = design.strongest_effect(family)
    hidden = layers.hidden
    effects = contrast(design, np.concatenate([layers.head[:, None], hidden], axis=1), weights, options.level).value
    largest = int(np.argmax(np.abs(effects[1:])))
    signs = np.sign(effects[0]), np.sign(effects[1 + largest])
    gap = contrast(design, signs[0] * layers.head - signs[1] * hidden[:, largest], weights, options.level)
    test.numbers = replace(Numbers.of(gap), p=p)
    if np.isfinite(p):
        test.note = Reason(f"largest hidden layer: {of_layer(layers.names[largest])}")
    return test


def _p_of_largest(setup: Setup, layers: Layers, family: str, options: Options) -> float:
    """p of the head exceeding every hidden layer, or, if a layer seems to exceed it, of that."""
    weights = setup.design.strongest_effect(family)
    head, hidden = layers.head[:, None], layers.hidden
    minus, plus = (contrast(setup.design, values, weights, options.level) for values in (head - hidden, head + hidden))
    p, head_exceeds = np.maximum(minus.p, plus.p), minus.value * plus.value > 0
    if head_exceeds.all() or not np.isfinite(p).all():
        return float(p.max())
    return min(1.0, hidden.shape[1] * float(p[~head_exceeds].min()))
