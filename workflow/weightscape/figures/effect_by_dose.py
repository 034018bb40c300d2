"""Mean effect over the hidden layers on each spectral metric against dose."""

from matplotlib.figure import Figure

from weightscape.figures.parts import style
from weightscape.figures.parts.dose_grid import Measure, by_dose
from weightscape.figures.parts.marks import marked
from weightscape.metrics.spectral_metrics import METRICS, title

TABLES = ("run_effects", "conditions")


@style.styled
def draw(tables: style.Tables) -> Figure:
    """Rows: metrics, on an axis that is logarithmic outside of the seed spread; columns: families."""
    effects = style.hidden_change(tables["run_effects"], METRICS)
    effects = effects.assign(measure=effects["metric"], value=effects["effect_mean"])
    return by_dose(marked(effects, tables), _measures, 1.1, "No effect was measured.")


def _measures(part: style.Table) -> list[Measure]:
    """A row for each metric that the study analyses."""
    analysed = set(part["metric"])
    return [Measure(name, f"effect on\n{title(name)}", symlog=True) for name in METRICS if name in analysed]
