"""The training sets whose diversity was measured: seeds that train on the same images share one measurement.

Stage 3 measures each set once and copies its record to every seed that shares it, so that a family's baseline, which
draws nothing, is one data set however many seeds are trained on it. What n counts here is data sets, not runs.
"""

from weightscape.figures.parts import style

CONDITION = ["dataset", "family", "dose"]
NOTE = (
    "mean \u00b1 s.d. over n = {sets} of a condition (seeds that share their images share one); "
    "dots: single data sets; grey: the family's own baseline"
)
ONE = "n = 1: 1 data set, no interval; line: the family's own baseline"
SINGLE = "\nwithout error bar or band: 1 data set, no interval"


def each_once(diversity: style.Table) -> style.Table:
    """The rows of the table `diversity` with each data set once, under the first seed that has it.

    Two seeds of a condition share a data set where all their measures are equal to the last bit.
    """
    if diversity.empty:
        return diversity
    rows = diversity.sort_values(["space", "measure"], kind="stable")
    groups = rows.groupby([*CONDITION, "seed"], sort=True)["value"]
    prints = groups.agg(lambda values: values.to_numpy(float).tobytes()).reset_index()
    kept = prints.drop_duplicates([*CONDITION, "value"]).set_index([*CONDITION, "seed"]).index
    return diversity[diversity.set_index([*CONDITION, "seed"]).index.isin(kept)]


def note(counts: style.Column) -> str:
    """What marks, error bars and bands are, for these numbers of data sets of the conditions."""
    if not len(counts) or counts.max() < 2:
        return ONE
    return NOTE.format(sets=style.seeds_in_words(counts, "data set")) + (SINGLE if counts.min() < 2 else "")
