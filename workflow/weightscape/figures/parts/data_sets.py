"""Notes of figures whose n counts training sets, not runs: seeds that train on the same images share one."""

from weightscape.figures.parts import style

NOTE = (
    "mean \u00b1 s.d. over n = {sets} of a condition (seeds that share their images share one); "
    "dots: single data sets; grey: the family's own baseline"
)
ONE = "n = 1: 1 data set, no interval; line: the family's own baseline"
SINGLE = "\nwithout error bar or band: 1 data set, no interval"


def note(counts: style.Column) -> str:
    """Explains marks, error bars and bands, for these numbers of data sets of the conditions."""
    if not len(counts) or counts.max() < 2:
        return ONE
    return NOTE.format(sets=style.seeds_in_words(counts, "data set")) + (SINGLE if counts.min() < 2 else "")
