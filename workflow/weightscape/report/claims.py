"""The claims and their evidence in words, from the tables `claims` and `tests` of stage 6."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from weightscape import words
from weightscape.formats.tables import Table
from weightscape.metrics.analysis.claims.table import CLAIMS
from weightscape.metrics.summaries import SETUP
from weightscape.words import signed

VERDICTS = {"supported": "\u2713", "contradicted": "\u2717", "undecided": "?"}
"""Verdicts in the order of the summary, with a sign that stands beside the colour."""

ORDER = ("C1", "C2", "C4", "C7", "C9", "C3", "C5", "C6", "C8", "C10", "C11")
"""Claims as a reader asks: is diversity like a regulariser, where, does it help, and only then by what and how it is
measured."""
OVERALL = "all"
UNITS = {"share": (100, "percentage points"), "log10": (1, "")}
EVIDENCE = 60  # rows of tests under one claim, at most; the csv has all
COLUMNS = {
    "dataset": "data set",
    "backbone": "backbone",
    "family": "family",
    "dose": "dose",
    "metric": "metric",
    "scope": "scope",
    "test": "test",
    "estimate": "estimate",
    "interval": "interval",
    "unit": "unit",
    "n": "n",
    "p_holm": "p (Holm)",
    "verdict": "verdict",
    "reason": "reason",
    "aside": "with destructive conditions",
}

TEXTS = {"dataset", "backbone", "family", "dose", "metric", "scope", "test", "unit", "verdict", "reason", "aside"}


@dataclass(frozen=True)
class Evidence:
    """A table under a claim."""

    title: str
    head: list[str]
    rows: list[list[str]]
    words: list[int]  # columns of text, the others are numbers
    left_out: int = 0


@dataclass(frozen=True)
class Claim:
    """A claim with its overall verdict."""

    name: str
    statement: str
    rule: str
    verdict: str
    sign: str
    reason: str
    aside: str
    estimate: str
    controls: str
    evidence: list[Evidence]
    decide: str = ""


def claims(claims: Table, tests: Table) -> list[Claim]:
    """Every claim of the table in the order of `ORDER`, with the verdict over all backbones first."""
    found = []
    for name, rows in claims.groupby("claim", sort=False):
        overall = rows[rows["backbone"] == OVERALL]
        row = (overall if len(overall) else rows).iloc[0]
        verdict = str(row["verdict"])
        sets = [("By data set and backbone", rows), ("Single tests", tests[tests["claim"] == name])]
        found.append(
            Claim(
                name=str(name),
                statement=sentence(row["statement"]),
                rule=sentence(row.get("rule", "")),
                verdict=verdict,
                sign=VERDICTS.get(verdict, "?"),
                reason=text(row["reason"]),
                aside=text(row["aside"]),
                estimate=estimate(row),
                controls=text(row["controls"]),
                evidence=[evidence(title, part) for title, part in sets if len(part)],
                decide=text(row.get("decide", "")) if verdict == "undecided" else "",
            )
        )
    return sorted(found, key=lambda claim: ORDER.index(claim.name) if claim.name in ORDER else len(ORDER))


def sentence(statement: object) -> str:
    """A statement with a capital letter and without a final stop."""
    found = text(statement).rstrip(".")
    return found[:1].upper() + found[1:]


def summary(found: Sequence[Claim]) -> list[str]:
    """Sums up the claims in plain words: how many have each verdict, and which."""
    if not found:
        return []
    groups = {verdict: [claim for claim in found if claim.verdict == verdict] for verdict in VERDICTS}
    counts = ", ".join(f"{len(part)} {verdict}" for verdict, part in groups.items())
    sentences = [f"Of {len(found)} claims that were tested, {counts}."]
    sentences += [f"Supported: {claim.statement} ({claim.name}{_so(claim)})." for claim in groups["supported"]]
    sentences += [f"Contradicted: {claim.statement} ({claim.name}{_so(claim)})." for claim in groups["contradicted"]]
    if groups["undecided"]:
        names = ", ".join(claim.name for claim in groups["undecided"])
        sentences.append(f"Undecided: {names}; the reasons stand below.")
    return sentences


def _so(claim: Claim) -> str:
    return f": {claim.estimate}" if claim.estimate else ""


def estimate(row: Table) -> str:
    """Metric, estimate, interval, unit, what is estimated, and n, as far as known; shares as percentage points."""
    if not _known(row["estimate"]):
        return ""
    factor, unit = UNITS.get(text(row["unit"]), (1, text(row["unit"])))
    value, low, high = rounded([factor * row[name] for name in ("estimate", "low", "high")])
    interval = f" [{low}, {high}]" if low and high else ""
    n = f", n = {int(row['n'])} {counted(row['claim'])}" if _known(row["n"]) else ""
    what = text(row.get("test", ""))
    return f"{metric(row['metric'])} {value}{interval} {unit}".strip() + (f" ({what})" if what else "") + n


def counted(claim: object) -> str:
    """Names the things that n counts in the tests of a claim, over all conditions that are compared."""
    return CLAIMS[text(claim)].COUNTS


def metric(name: object) -> str:
    """A metric in words."""
    return words.metric(text(name))


NEGLIGIBLE = 1e-6
"""A p-value below this is not told apart from 0."""
LARGE = 1e5
"""From here on numbers are written with powers of ten."""


def rounded(values: Sequence[float]) -> list[str]:
    """Estimate, low and high with the decimals that two digits of the interval's width need; four digits at most."""
    _, low, high = values
    if not (_known(low) and _known(high) and high > low):
        return [number(value) for value in values]
    largest = max(abs(value) for value in values if _known(value))
    if largest >= LARGE:
        return [number(value) for value in values]
    decimals = min(1 - math.floor(math.log10(high - low)), 3 - math.floor(math.log10(largest)))
    decimals = min(max(decimals, 0), 9)
    return [signed(value, decimals) if _known(value) else "" for value in values]


def evidence(title: str, rows: Table) -> Evidence:
    """A table of the columns that have anything to say; one data set and backbone stand in the title."""
    shown = rows.head(EVIDENCE)
    numbers = [rounded(row) for row in shown[["estimate", "low", "high"]].to_numpy(float)]
    shown = shown.assign(
        metric=[metric(name) for name in shown["metric"]],
        **({"family": [words.family(text(name)) for name in shown["family"]]} if "family" in shown else {}),
        estimate=[value for value, _, _ in numbers],
        interval=[f"{low} to {high}" if low and high else "" for _, low, high in numbers],
        **({"p_holm": [probability(value) for value in shown["p_holm"]]} if "p_holm" in shown else {}),
    )
    columns = [name for name in COLUMNS if name in shown and any(cell(value) for value in shown[name])]
    setups = rows[list(SETUP)].drop_duplicates()
    if len(setups) == 1:
        title = f"{title} ({', '.join(setups.iloc[0].astype(str))})"
        columns = [name for name in columns if name not in SETUP]
    cells = [[cell(value) for value in row] for row in shown[columns].itertuples(index=False, name=None)]
    prose = [place for place, name in enumerate(columns) if name in TEXTS]
    names = COLUMNS | {"n": f"n ({counted(rows['claim'].iloc[0])})"}
    return Evidence(title, [names[name] for name in columns], cells, prose, len(rows) - len(shown))


def probability(value: object) -> str:
    """A p-value to two digits; below `NEGLIGIBLE` its size rests on tails that no number of runs can check."""
    if not _known(value):
        return ""
    return "< 10\u207b\u2076" if value < NEGLIGIBLE else words.number(float(value), 2)  # type: ignore[arg-type]


def cell(value: object) -> str:
    """A value as text: numbers to four digits, nothing for what is missing."""
    return number(value) if isinstance(value, int | float | np.number) else text(value)


def text(value: object) -> str:
    """A text; empty where missing."""
    return "" if value is None or value != value else str(value)


def number(value: object) -> str:
    """Four significant digits with a true minus sign; empty where missing."""
    return words.number(float(value)) if _known(value) else ""  # type: ignore[arg-type]


def _known(value: object) -> bool:
    return isinstance(value, int | float | np.number) and bool(np.isfinite(value))
