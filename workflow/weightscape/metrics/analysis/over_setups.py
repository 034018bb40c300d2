"""Effects over setups: does what a family does in one data set and network hold in the others?

The samples are the setups (pairs of data set and network), each with the estimate of the table `condition_effects` at
the strongest dose of the family that stands there. The mean has a t interval over setups, which carries how they differ
and what the runs leave uncertain. Setups that share a data set or a network are not independent, and nobody drew them
at random: for further data sets and networks the interval is too narrow.
"""

import numpy as np
import pandas as pd

from weightscape.formats.tables import Table
from weightscape.metrics.analysis.contrasts import t_interval
from weightscape.metrics.analysis.estimates import OUTCOME
from weightscape.metrics.summaries import SETUP

SCOPES = ("hidden", "head", OUTCOME)
OF = ["family", "metric", "scope", "unit"]


def table(effects: Table, conditions: Table, level: float) -> Table:
    """Rows of the table `over_setups`: each family, metric and scope that two setups have at least.

    Args:
        effects: the table `condition_effects` of all setups.
        conditions: the table `conditions`, with `stands`.
        level: of the interval.
    """
    if effects.empty or conditions.empty:
        return pd.DataFrame()
    condition = [*SETUP, "family", "dose"]
    standing = conditions.loc[conditions["stands"].astype(bool), condition]
    known = effects[effects["scope"].isin(SCOPES) & np.isfinite(effects["estimate"].astype(float))]
    rows = []
    for keys, group in known.merge(standing, on=condition).groupby(OF, sort=False):
        if len(group) > 1:
            rows.append(dict(zip(OF, keys, strict=True)) | _over(group, level))
    return pd.DataFrame(rows)


def _over(group: Table, level: float) -> dict[str, float]:
    values = group["estimate"].to_numpy(float)
    found = t_interval(float(values.mean()), float(values.std(ddof=1)) / np.sqrt(len(values)), len(values) - 1, level)
    return {
        "estimate": found.value,
        "low": found.low,
        "high": found.high,
        "p": found.p,
        "least": float(group["estimate"].min()),
        "most": float(group["estimate"].max()),
        "above": int((group["low"] > 0).sum()),
        "below": int((group["high"] < 0).sum()),
        "setups": len(group),
    }
