"""Diversity of what the network sees against dose, in pixels and in the backbones' embeddings."""

from matplotlib.figure import Figure

from weightscape.figures.parts import style
from weightscape.figures.parts.dose_grid import DATA_SETS, Measure, by_dose
from weightscape.figures.parts.marks import marked
from weightscape.metrics.outcomes import each_once

TABLES = ("diversity", "conditions")
MEASURES = {"vendi_1": "Vendi score", "weighted.score.published": "weighted Vendi", "mean_cosine": "mean cosine"}
"""Measures that are drawn if the table has them; a table without any of them shows its first three."""
RANGES = {"weighted.score.published": ("weighted.score.permuted_min", "weighted.score.permuted_max")}
"""The least and the greatest value of a measure over other orders of the rows."""
ENDS = [end for pair in RANGES.values() for end in pair]


@style.styled
def draw(tables: style.Tables) -> Figure:
    """Rows: measures, each in every space; columns: families."""
    table = marked(chosen(each_once(tables["diversity"])), tables)
    return by_dose(table, rows_of, 1.05, "No diversity was measured.", ["dataset"], DATA_SETS)


def chosen(diversity: style.Table) -> style.Table:
    """The rows of the measures that are drawn, named with their space."""
    names = [name for name in MEASURES if (diversity["measure"] == name).any()]
    ends = [end for name in names for end in RANGES.get(name, ())]
    kept = diversity[diversity["measure"].isin([*names, *ends] if names else list(diversity["measure"].unique()[:3]))]
    return kept.assign(quantity=kept["measure"], measure=kept["measure"] + " " + kept["space"])


def rows_of(part: style.Table) -> list[Measure]:
    """One row for each measure and space, pixels first."""
    order = list(MEASURES)
    pairs = part.loc[~part["quantity"].isin(ENDS), ["quantity", "space"]].drop_duplicates()
    pairs = sorted(
        pairs.itertuples(index=False, name=None),
        key=lambda pair: (order.index(pair[0]) if pair[0] in order else 9, pair[1] != "pixels", pair[1]),
    )
    return [_measure(quantity, space) for quantity, space in pairs]


def _measure(quantity: str, space: str) -> Measure:
    low, high = RANGES.get(quantity, ("", ""))
    ends = (f"{low} {space}", f"{high} {space}") if low else None
    return Measure(f"{quantity} {space}", f"{MEASURES.get(quantity, quantity)}\n({space})", ends=ends)
