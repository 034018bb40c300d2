"""A reanalysis from tables to page: what was read, what the published procedure and ours show, what was left out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weightscape.families import COMPARED
from weightscape.formats.tables import Table
from weightscape.formats.writing import replacing
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.spectral_metrics import PRIMARY
from weightscape.project import REPORT
from weightscape.provenance.extras import installed, needed
from weightscape.published.analysis import Results, analyse
from weightscape.published.conditions import Conditions
from weightscape.published.exclusions import PUBLISHED
from weightscape.published.procedure import ALL
from weightscape.report.rendering import picture, render
from weightscape.words import percent

TEMPLATE = REPORT / "reanalysis.html.j2"
CAPTIONS = REPORT / "captions" / "reanalysis"
ABSENT = "\N{EN DASH}"


@dataclass(frozen=True)
class Sheet:
    """A table as text; the first `labels` columns name the row."""

    title: str
    note: str
    head: list[str]
    rows: list[list[str]]
    labels: int


@dataclass(frozen=True)
class Places:
    """Where the tables, the figures and the page are written."""

    tables: Path
    figures: Path
    page: Path


@dataclass(frozen=True)
class Made:
    """The files that were read and written, and the gaps in sentences."""

    inputs: list[Path]
    outputs: list[Path]
    gaps: list[str]


def reanalyse(folder: Path, conditions: Conditions, options: Options, places: Places) -> Made:
    """Read the tables in `folder`, analyse them, and write tables, figures and page."""
    results, inputs = analyse(folder, conditions, options)
    return write(results, inputs, conditions, options, places)


def write(results: Results, inputs: list[Path], conditions: Conditions, options: Options, places: Places) -> Made:
    """Write tables, figures and page of an analysis of the tables `inputs`."""
    drawn = _drawn(results, conditions, places.figures)
    outputs = [*results.write(places.tables), *drawn]
    pictures = [path for path in drawn if path.suffix == ".png"]
    html = page(results, conditions, pictures, len(set(inputs)), options.level)
    with replacing(places.page) as temporary:
        temporary.write_text(html, encoding="utf-8")
    return Made(sorted(set(inputs)), [*outputs, places.page], list(results.gaps["sentence"]))


def _drawn(results: Results, conditions: Conditions, folder: Path) -> list[Path]:
    """The files of the figures; none where matplotlib is not installed."""
    if not installed("matplotlib"):
        return []
    from weightscape.published.figures import draw

    return draw(results, conditions, folder)


def page(results: Results, conditions: Conditions, pictures: list[Path], inputs: int, level: float) -> str:
    """The page as HTML, with the pictures (PNG); `inputs` is the number of tables read."""
    context = {
        "title": f"Published tables, analysed again: {conditions.network or 'a network'}",
        "summary": summary(results, conditions, inputs),
        "pictures": [picture(path.stem, path, CAPTIONS / f"{path.stem}.md") for path in pictures],
        "undrawn": needed("matplotlib"),
        "sheets": [
            published(results.published),
            *([claims(results.claims, level)] if len(results.claims) else []),
            contrasts(results.similarity, tested=len(results.claims) > 0),
            exclusions(results.exclusions),
        ],
        "gaps": list(results.gaps["sentence"]),
    }
    return render(TEMPLATE, context)


def summary(results: Results, conditions: Conditions, inputs: int) -> list[str]:
    """Sums up the tables that were read and the results, a sentence each; every number is taken from the tables."""
    runs = results.run_effects.groupby(["dataset", "dose"])["seed"].nunique()
    datasets = sorted(set(results.published["dataset"]) - {ALL})
    conditions_read = results.effects["dose"].nunique()
    first, *others = conditions.families
    sentences = [
        f"{inputs} tables of {conditions_read} conditions (with baselines) on {listed(datasets)} were read; "
        f"{runs.min()} run{'s' if runs.max() > 1 else ''} of each condition at least.",
        *(head_share(results.published, first, other) for other in others),
        *contrast_sentence(results.similarity),
    ]
    return [sentence for sentence in sentences if sentence]


def head_share(table: Table, one: str, other: str) -> str:
    """Pearson's r of two families' log norm effects with and without the head; empty where one is missing."""
    rows = table[(table["dataset"] == ALL) & (table["metric"] == PRIMARY) & (table["statistic"] == "pearson")]
    rows = rows[(rows["family"] == one) & (rows["other"] == other)].set_index("scope")["value"]
    if not {"all_layers", "without_head"} <= set(rows.index):
        return ""
    return (
        f"By the published procedure, the log norm effects of {one} and {other} over layers correlate with "
        f"r = {number(rows['all_layers'], 3)}, and without the head with r = {number(rows['without_head'], 3)}."
    )


def contrast_sentence(similarity: Table) -> list[str]:
    """Claim C2 on the log norm by our rules, over data sets: estimates, not a verdict."""
    rows = similarity[(similarity["metric"] == PRIMARY) & (similarity["statistic"] == "contrast")]
    if rows.empty:
        return []
    first, second, third = (name.replace("_", " ") for name in COMPARED)
    pair = similarity[
        (similarity["metric"] == PRIMARY) & (similarity["family"] == COMPARED[0]) & (similarity["other"] == COMPARED[1])
    ]
    nearer = int((pair["distance"] < pair["norm"]).sum())
    return [
        f"By our rules, the cosine of {first} with {second} minus that with {third} over hidden layers is "
        f"{number(rows['value'].min(), 2)} to {number(rows['value'].max(), 2)} (log norm, n = {len(rows)} data "
        f"set{'s' if len(rows) > 1 else ''}); in {nearer} of {len(pair)} is {first} nearer to {second} than to "
        f"no effect. Verdict: {listed(sorted(set(rows['verdict'])))}."
    ]


def published(table: Table) -> Sheet:
    """The statistics of the mean over data sets: one row per metric and pair."""
    own = table[(table["dataset"] == ALL) & (table["other"].notna())]
    wide = own.pivot_table(
        index=["metric", "scope", "family", "other"], columns="statistic", values="value", dropna=False
    )
    wide = wide.reindex(columns=["t", "p", "pearson"]).dropna(how="all")
    n = own[own["statistic"] == "t"].set_index(["metric", "scope", "family", "other"])["n"]
    rows = [
        [key[0], key[1].replace("_", " "), f"{key[2]}, {key[3]}", *map(significant, values), str(int(n[key]))]
        for key, values in zip(wide.index, wide.to_numpy(), strict=True)
    ]
    note = "Mean over data sets. Layers are taken as independent samples, which they are not. All in published.csv."
    head = ["metric", "scope", "families", "t", "p", "Pearson's r", "layers"]
    return Sheet("The published procedure: pairs of families", note, head, rows, 3)


def claims(table: Table, level: float) -> Sheet:
    """The verdict of every claim in each data set and over all (`all`), from repeated runs."""
    rows = [
        [
            *(row["claim"], row["dataset"], row["verdict"]),
            interval(row["estimate"], row["low"], row["high"], row["unit"]),
            str(row["n"]),
            f"{row['reason']} {row['aside']}".strip(),
            row["controls"],
        ]
        for row in table.to_dict("records")
    ]
    note = (
        f"From repeated runs; intervals are at {percent(level)}. Statements, rules and single tests in claims.csv and "
        "tests.csv."
    )
    head = ["claim", "data set", "verdict", "estimate (interval)", "runs", "reason", "controls"]
    return Sheet("Ours: the claims", note, head, rows, 3)


def interval(estimate: float, low: float, high: float, unit: str) -> str:
    """`estimate (low to high) unit`, as far as it is known."""
    if not np.isfinite(estimate):
        return ABSENT
    limits = f" ({significant(low)} to {significant(high)})" if np.isfinite(low) else ""
    return f"{significant(estimate)}{limits} {unit}".strip()


def contrasts(table: Table, tested: bool = False) -> Sheet:
    """Claim C2 and the norms behind it, by our rules; `tested`: whether repeated runs have verdicts of their own."""
    own = table[table["statistic"] == "contrast"]
    pairs = table[table["statistic"] == "cosine"].set_index(["dataset", "metric", "family", "other"])
    rows = []
    for row in own.to_dict("records"):
        keys = [(row["dataset"], row["metric"], COMPARED[0], name) for name in COMPARED[1:]]
        known = [pairs.loc[key] if key in pairs.index else None for key in keys]
        norms = [
            known[0]["norm"] if known[0] is not None else np.nan,
            *(pair["norm_other"] if pair is not None else np.nan for pair in known),
        ]
        rows.append([row["dataset"], row["metric"], significant(row["value"]), *map(significant, norms), str(row["n"])])
    first, second, third = (name.replace("_", " ") for name in COMPARED)
    head = ["data set", "metric", f"cos({first}, {second}) - cos({first}, {third})"]
    head += [f"norm of {name}" for name in (first, second, third)] + ["layers"]
    why = "Estimates only; verdicts stand with the claims" if tested else "Every verdict is undecided: no replicates"
    note = f"Hidden layers only. {why}. All in similarity.csv."
    return Sheet("Ours: is diversity nearer to dropout than to weight decay?", note, head, rows, 2)


def exclusions(table: Table) -> Sheet:
    """Lists the values left out or filled in, summed over data sets and conditions."""
    sums = table.groupby(["method", "metric", "reason"], sort=True)["n"].sum()
    rows = [
        ["published" if method == PUBLISHED else "ours", metric or "all", reason, str(count)]
        for (method, metric, reason), count in sums.items()
    ]
    note = "Counts of layers in single runs. By condition in exclusions.csv."
    return Sheet("What was left out or filled in", note, ["analysis", "metric", "reason", "layers"], rows, 3)


def listed(names: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part) if names else "nothing"


def number(value: float, digits: int) -> str:
    """A number with a true minus sign; a dash for none."""
    return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}") if np.isfinite(value) else ABSENT


def significant(value: float) -> str:
    """Three significant digits; a dash for none."""
    return f"{value:.3g}".replace("-", "\N{MINUS SIGN}") if np.isfinite(value) else ABSENT
