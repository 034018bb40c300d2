"""Why a comparison cannot be made: a family, a baseline or a usable layer is not there."""

from weightscape.families import BASELINE, COMPARED
from weightscape.metrics.analysis.setups import Layers, Setup
from weightscape.words import family as of_family
from weightscape.words import metric as of_metric


def missing(setup: Setup, family: str) -> str:
    """What is missing of a family; empty if it has a baseline and a dose with a number."""
    if not setup.design.doses(family):
        if setup.all_conditions.unnumbered(family):
            return f"the doses of {of_family(family)} have no numbers"
        if setup.all_conditions.doses(family):
            return f"every dose of {of_family(family)} is destructive"
        return f"the study has no family {of_family(family)}"
    if (family, BASELINE) not in setup.design.rows:
        return f"{of_family(family)} has no baseline runs"
    return ""


def absent(setup: Setup, families: tuple[str, ...] = COMPARED) -> str:
    """What is missing of the first of these families that cannot be compared; empty if all can."""
    return next((why for why in (missing(setup, family) for family in families) if why), "")


def empty(metric: str, layers: Layers) -> str:
    """Why a metric has no test; empty if it has."""
    if layers.hidden.shape[1]:
        return ""
    return f"no hidden layer has a usable {of_metric(metric)} in every run ({layers.excluded} left out)"
