"""Mean effect over the hidden layers on five spectral metrics against dose."""

from matplotlib.figure import Figure

from weightscape.figures.parts import style
from weightscape.figures.parts.destructive import marked
from weightscape.figures.parts.dose_grid import Measure, dose_grid, height_of
from weightscape.metrics.spectral_metrics import METRICS
from weightscape.metrics.summaries import SETUP

TABLES = ("run_effects", "conditions")
MEASURES = tuple(Measure(name, f"effect on\n{metric.title}", symlog=True) for name, metric in METRICS.items())


@style.styled
def draw(tables: style.Tables) -> Figure:
    """Rows: metrics, on an axis that is logarithmic outside of the seed spread; columns: families."""
    return style.each_setup(
        marked(hidden_change(tables["run_effects"]), tables.get("conditions")),
        SETUP,
        lambda _: height_of(MEASURES, 1.1),
        lambda block, part: dose_grid(block, part, MEASURES),
        "No effect was measured.",
    )


def hidden_change(run_effects: style.Table) -> style.Table:
    """The mean effects on hidden layers of the change from before to after."""
    kept = (run_effects["role"] == "hidden") & (run_effects["source"] == "change") & run_effects["metric"].isin(METRICS)
    return run_effects[kept].assign(measure=lambda table: table["metric"], value=lambda table: table["effect_mean"])
