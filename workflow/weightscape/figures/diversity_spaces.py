"""Where the diversity measures disagree: change of the Vendi score in pixels against that in each embedding."""

from matplotlib.figure import Figure, SubFigure

from weightscape.families import BASELINE
from weightscape.figures.parts import scatter, style
from weightscape.figures.parts.marks import marked
from weightscape.metrics.outcomes import each_once
from weightscape.metrics.summaries import in_each_family

TABLES = ("diversity", "conditions")
SPACE = "pixels"
KEYS = ["dataset", "family", "dose", "number", "seed"]


@style.styled
def draw(tables: style.Tables) -> Figure:
    """One panel per embedding; in the shaded quarters pixels and embedding move in opposite directions."""
    table = marked(changes(each_once(tables["diversity"])), tables)
    width = style.COLUMN if table["space"].nunique() < 2 else style.PAGE
    absent = "No diversity was measured in an embedding."
    return style.each_setup(table, lambda _: 3.3, _panels, absent, ["dataset"], width)


def changes(diversity: style.Table) -> style.Table:
    """Change of the Vendi score of order 1 in percent of the baseline: columns pixels, embedding, space."""
    rows = in_each_family(diversity[diversity["measure"] == "vendi_1"])
    keys = ["dataset", "family", "space"]
    base = rows[rows["dose"] == BASELINE].groupby(keys)["value"].mean().rename("base")
    rows = rows.join(base, on=keys)
    rows = rows.assign(change=100 * (rows["value"] / rows["base"] - 1))
    pixels = rows[rows["space"] == SPACE].set_index(KEYS)["change"].rename("pixels")
    other = rows[rows["space"] != SPACE].rename(columns={"change": "embedding"})
    return other.join(pixels, on=KEYS).dropna(subset=["pixels", "embedding"])


def _panels(block: SubFigure, part: style.Table) -> None:
    spaces = sorted(part["space"].unique())
    axes = block.subplots(1, len(spaces), squeeze=False)[0]
    means = scatter.summary(part, ["space"], "pixels", "embedding")
    for axis, space in zip(axes, spaces, strict=True):
        scatter.draw_marks(axis, means[means["space"] == space])
        axis.axhline(0, color=style.REFERENCE, lw=0.5, zorder=0)
        axis.axvline(0, color=style.REFERENCE, lw=0.5, zorder=0)
        (left, right), (low, high) = axis.get_xlim(), axis.get_ylim()
        for x, y in (((0, right), (low, 0)), ((left, 0), (0, high))):
            axis.fill_between(x, *y, color="0.93", lw=0, zorder=-1)
        axis.set(xlim=(left, right), ylim=(low, high))
        axis.set_xlabel("change of Vendi score in pixels (%)")
        axis.set_ylabel("change of Vendi score\nin the embedding (%)")
        axis.set_title(space)
    scatter.legend(block, part, means["n"], across=2 if len(spaces) < 2 else 4, counted=scatter.DATA_SETS)
