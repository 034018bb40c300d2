"""Robustness: which out-of-distribution sets count, and accuracy on them beyond what test accuracy predicts.

A corruption that some condition trains on is no shift to it; so that conditions stay comparable, such a set leaves
the mean over OOD sets for all conditions of a data set and backbone (METHODS 6).

Effective robustness: Taori et al. 2020 (arXiv 2007.00644). Per data set, backbone and OOD set, the line
logit(OOD) = a + b logit(ID) is fitted on runs that no intervention changed but the number of different images; they
must be five at least and span ten points of test accuracy.
"""

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from weightscape.families import BASELINE, REAL_IMAGE_FAMILIES
from weightscape.formats.tables import Table

LEAST_RUNS = 5
LEAST_SPAN = 0.10
"""Of ID accuracy among the reference runs."""


def unseen(evaluation: Table) -> pd.Series:
    """Which rows are of OOD sets that no condition of their data set and backbone trains on (column `seen`)."""
    ood = evaluation["split"].astype(str).str.startswith("ood-")
    if "seen" not in evaluation:
        return ood
    met = evaluation["seen"].astype(bool).groupby([evaluation[name] for name in ("dataset", "backbone", "split")])
    return ood & ~met.transform("any")


def effective_robustness(evaluation: Table) -> tuple[pd.Series, pd.Series]:
    """For each row of the evaluation table the robustness (nan where there is none) and the reason for its absence."""
    value = pd.Series(np.nan, evaluation.index)
    reason = pd.Series("in distribution", evaluation.index)
    run = ["dataset", "backbone", "family", "dose", "seed"]
    test = evaluation[evaluation["split"] == "test"].set_index(run)["accuracy"]
    ood = evaluation[evaluation["split"].str.startswith("ood-")]
    for _, rows in ood.groupby(["dataset", "backbone", "split"], sort=False):
        inside = _logit(test.loc[list(rows[run].itertuples(index=False, name=None))].to_numpy(), 1000)
        outside = rows["accuracy"].to_numpy()
        unmodified = ((rows["dose"] == BASELINE) | rows["family"].isin(REAL_IMAGE_FAMILIES)).to_numpy()
        x, y = inside[unmodified], _logit(outside[unmodified], 1000)
        if len(x) < LEAST_RUNS or np.ptp(expit(x)) < LEAST_SPAN:
            reason[rows.index] = "no reference"
            continue
        slope, intercept = np.polyfit(x, y, 1)
        value[rows.index] = outside - expit(intercept + slope * inside)
        reason[rows.index] = ""
    return value, reason


def _logit(share: np.ndarray, most: int) -> np.ndarray:
    """Logits of shares, kept off 0 and 1 by half an image of `most`."""
    return logit(np.clip(share, 0.5 / most, 1 - 0.5 / most))
