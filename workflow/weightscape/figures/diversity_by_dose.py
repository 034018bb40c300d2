"""Diversity of what the network sees against dose, in pixels and in the backbones' embeddings."""

from matplotlib.figure import Figure, SubFigure

from weightscape.figures.parts import data_sets, style
from weightscape.figures.parts.destructive import marked
from weightscape.figures.parts.dose_grid import Measure, dose_grid, height_of
from weightscape.metrics.outcomes import each_once

TABLES = ("diversity", "conditions")
MEASURES = {
    "vendi_1": "Vendi score",
    "weighted.score.published": "weighted Vendi",
    "mean_cosine": "mean cosine",
}
"""Measures that are drawn if the table has them; a table without any of them shows its first three."""
RANGES = {"weighted.score.published": ("weighted.score.permuted_min", "weighted.score.permuted_max")}
"""What a measure would be in other orders of the rows: least and greatest."""


@style.styled
def draw(tables: style.Tables) -> Figure:
    """Rows: measures, each in every space; columns: families."""
    table = marked(chosen(each_once(tables["diversity"])), tables.get("conditions"))
    return style.each_setup(
        table, ["dataset"], lambda part: height_of(rows_of(part), 1.05), _panel, "No diversity was measured."
    )


def _panel(block: SubFigure, part: style.Table) -> None:
    dose_grid(block, part, rows_of(part), data_sets.note)


def chosen(diversity: style.Table) -> style.Table:
    """The rows of the measures that are drawn, named with their space."""
    names = [name for name in MEASURES if (diversity["measure"] == name).any()]
    ends = [end for name in names for end in RANGES.get(name, ())]
    kept = diversity[diversity["measure"].isin([*names, *ends] if names else list(diversity["measure"].unique()[:3]))]
    return kept.assign(quantity=kept["measure"], measure=kept["measure"] + " " + kept["space"])


def rows_of(part: style.Table) -> list[Measure]:
    """One row for each measure and space, pixels first."""
    order = list(MEASURES)
    ends = [end for pair in RANGES.values() for end in pair]
    pairs = part.loc[~part["quantity"].isin(ends), ["quantity", "space", "measure"]].drop_duplicates()
    pairs = sorted(
        pairs.itertuples(index=False, name=None),
        key=lambda pair: (order.index(pair[0]) if pair[0] in order else 9, pair[1] != "pixels", pair[1]),
    )
    return [
        Measure(key, f"{MEASURES.get(quantity, quantity)}\n({space})", ends=_ends(quantity, space))
        for quantity, space, key in pairs
    ]


def _ends(quantity: str, space: str) -> tuple[str, str] | None:
    """The names of a measure's range in this space."""
    if quantity not in RANGES:
        return None
    low, high = RANGES[quantity]
    return f"{low} {space}", f"{high} {space}"
