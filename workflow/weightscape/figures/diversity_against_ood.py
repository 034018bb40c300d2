"""Mean OOD accuracy against the Vendi score and the weighted Vendi score, in pixels and in the embedding."""

import pandas as pd
from matplotlib.figure import Figure, SubFigure

from weightscape.figures.parts import scatter, style
from weightscape.figures.parts.marks import marked
from weightscape.metrics.effects import RUN
from weightscape.metrics.outcomes import measured
from weightscape.metrics.summaries import in_each_family

TABLES = ("evaluation", "diversity", "conditions")
SCORES = {"vendi_1": "Vendi score", "weighted.score.published": "weighted Vendi score"}
ROW = 2.1  # inches


@style.styled
def draw(tables: style.Tables) -> Figure:
    """Rows: spaces; columns: scores."""
    return style.each_setup(
        marked(in_each_family(paired(tables["evaluation"], tables["diversity"])), tables),
        lambda part: ROW * part["place"].nunique() + 0.7,
        _panels,
        "No run has both a diversity and an OOD accuracy.",
    )


def paired(evaluation: style.Table, diversity: style.Table) -> style.Table:
    """Each run's mean OOD accuracy beside each score of its training set: columns place, measure, ood, value."""
    runs = measured(evaluation)
    runs = runs[runs["measure"] == "ood"][[*RUN, "value"]].rename(columns={"value": "ood"})
    scores = diversity[diversity["measure"].isin(SCORES)]
    keys = ["dataset", "family", "dose", "seed"]
    table = runs.merge(scores[[*keys, "space", "measure", "value"]], on=keys)
    table = table[(table["space"] == "pixels") | (table["space"] == table["backbone"])]
    return table.assign(place=table["space"].where(table["space"] == "pixels", "embedding"))


def _panels(block: SubFigure, part: style.Table) -> None:
    places = [name for name in ("pixels", "embedding") if (part["place"] == name).any()]
    axes = block.subplots(len(places), len(SCORES), squeeze=False, sharey=True)
    counts = []
    for row, place in zip(axes, places, strict=True):
        for axis, (score, title) in zip(row, SCORES.items(), strict=True):
            rows = part[(part["place"] == place) & (part["measure"] == score)]
            means = scatter.summary(rows, [], "value", "ood")
            counts.append(means["n"])
            scatter.draw_marks(axis, means)
            axis.set_xlabel(f"{title} ({place})")
        row[0].set_ylabel("mean OOD\naccuracy (%)")
    scatter.legend(block, part, pd.concat(counts))
