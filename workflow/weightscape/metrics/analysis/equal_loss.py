"""Effects at equal training loss: does a family move the spectra more than its training loss tells?

A line of a metric on the loss of the clean training images in evaluation mode (means of conditions, equal weights,
least squares) goes through the conditions that neither augment nor act on the network or the optimiser: baseline,
noise, synthetic and further real images, duplicates, label noise, steps. A condition's effect at equal loss is its
distance from the line, with the interval of a further condition,

    y - (a + b x) +- t_(k - 2) s sqrt(1 + 1 / k + (x - mean x)^2 / S_xx)

for the scatter s of the k conditions about the line, so that it carries what else differs between conditions. Beyond
the losses of the line's conditions the line is not known to go on, which `outside` tells.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtr

from weightscape.families import BASELINE, COMPARED, DIVERSITY, named
from weightscape.formats.tables import Table
from weightscape.metrics.analysis.contrasts import NAN, Interval, Values, t_interval
from weightscape.metrics.analysis.design import Condition
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import Setup
from weightscape.metrics.effects import varies
from weightscape.metrics.spectral_metrics import unit

LOSS = "train_loss"
LEAST = 5
"""Conditions of a line."""


class Line(NamedTuple):
    """A line through k points: its slope with p, the scatter about it, and the mean, squares and ends of x."""

    intercept: float
    slope: float
    p: float
    scatter: float
    k: int
    centre: float
    squares: float
    low: float
    high: float

    @property
    def df(self) -> int:
        """Degrees of freedom of the scatter."""
        return self.k - 2

    def off(self, x: float, y: float, level: float) -> Interval:
        """The distance of a further point from the line."""
        error = self.scatter * np.sqrt(1 + 1 / self.k + (x - self.centre) ** 2 / self.squares)
        return t_interval(y - self.intercept - self.slope * x, error, self.df, level)


def line(x: Values, y: Values) -> Line | None:
    """The least-squares line of y on x [points]; None if fewer than `LEAST` are there or x does not vary."""
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if len(x) < LEAST or not varies(float(x.std()), float(np.abs(x).max())):
        return None
    centred = x - x.mean()
    squares = float(centred @ centred)
    slope = float(centred @ y) / squares
    intercept = float(y.mean() - slope * x.mean())
    scatter = float(np.sqrt(((y - intercept - slope * x) ** 2).sum() / (len(x) - 2)))
    error = scatter / np.sqrt(squares)
    p = float(2 * stdtr(len(x) - 2, -abs(slope) / error)) if error > 0 else NAN
    ends = float(x.min()), float(x.max())
    return Line(intercept, slope, p, scatter, len(x), float(x.mean()), squares, *ends)


def on_line(family: str) -> bool:
    """Whether the conditions of a family make the line."""
    changes = named(family).changes if family != BASELINE else ()
    return family != DIVERSITY and not {"network", "optimiser"} & set(changes)


def points(setup: Setup) -> list[Condition]:
    """The conditions that make the line."""
    return [condition for condition in setup.design.rows if on_line(condition[0])]


def table(setup: Setup, options: Options) -> Table:
    """Rows of the table `equal_loss`, of a setup with its kept conditions: each of three families, metric and scope."""
    return pd.DataFrame(list(_rows(setup, options)))


def _rows(setup: Setup, options: Options) -> Iterator[dict[str, str | float | bool]]:
    loss, design = setup.outcomes.get(LOSS), setup.design
    if loss is None:
        return
    standing = [(family, dose) for family in COMPARED if (dose := design.strongest(family)) is not None]
    for metric in options.metrics:
        sources = {"hidden": setup.metrics[metric].mean(), "head": setup.metrics[metric].head}
        if metric in setup.updates:
            sources["update"] = setup.updates[metric].mean()
        for scope, values in sources.items():
            found = line(_means(setup, loss, points(setup)), _means(setup, values, points(setup)))
            for family, dose in standing:
                x, y = (float(_means(setup, each, [(family, dose)])[0]) for each in (loss, values))
                row = {"family": family, "dose": dose, "metric": metric, "scope": scope, "unit": unit(metric)}
                yield row | _measured(found, x, y, options.level)


def _measured(found: Line | None, x: float, y: float, level: float) -> dict[str, float | bool]:
    if found is None or not np.isfinite(x + y):
        names = ("estimate", "low", "high", "p", "slope", "slope_p", "loss")
        return dict.fromkeys(names, NAN) | {"conditions": 0, "outside": False}
    values = dict(zip(("estimate", "low", "high", "p"), found.off(x, y, level), strict=True))
    outside = not found.low <= x <= found.high
    return values | {
        "slope": found.slope,
        "slope_p": found.p,
        "loss": x,
        "conditions": found.k,
        "outside": outside,
    }


def _means(setup: Setup, values: Values, conditions: list[Condition]) -> Values:
    return np.array([values[setup.design.rows[condition]].mean() for condition in conditions])
