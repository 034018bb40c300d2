"""The answer of the table `signature` in words: what diversity is nearest to."""

from weightscape.formats.tables import Table
from weightscape.words import family

OWN = "own"
"""The row of what no intervention explains."""


def is_told(rows: Table) -> bool:
    """Whether the rows of one scope name anything."""
    return bool(rows["nearest"].astype(bool).any())


def title(rows: Table, name: str) -> str:
    """An explanation in words, as the opposite of an intervention where that is meant."""
    opposite = bool(rows.loc[rows["explanation"] == name, "opposite"].astype(bool).any())
    return {"duplicate": "fewer duplicates"}.get(name, f"opposite of {family(name)}") if opposite else family(name)


def answer(rows: Table) -> str:
    """Names the interventions that diversity is nearest to in one scope, in a few words."""
    near = rows.loc[rows["nearest"].astype(bool), "explanation"].to_list()
    if near == [OWN]:
        return "nearest to none"
    if near:
        return f"nearest to {' or '.join(title(rows, name) for name in near)}"
    reason = next(filter(None, rows["reason"].astype(str)), "")
    return "not known" if reason else "not told"
