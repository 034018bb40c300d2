"""From a folder of tables to all result tables: by the published procedure and by ours."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from weightscape.errors import UserError
from weightscape.families import BASELINE, COMPARED
from weightscape.formats.tables import Table, write_table
from weightscape.metrics import table_schema
from weightscape.metrics.analysis.analyse import analysed
from weightscape.metrics.analysis.settings import Options
from weightscape.provenance.extras import installed
from weightscape.published import exclusions, our_estimates, procedure
from weightscape.published.conditions import Conditions
from weightscape.published.reading import read_all
from weightscape.published.table_files import Gap, runs_in, with_baseline


@dataclass(frozen=True)
class Results:
    """All tables; the name of each is that of its files."""

    published: Table
    published_layers: Table
    effects: Table
    run_effects: Table
    similarity: Table
    condition_effects: Table
    slopes: Table
    tests: Table
    claims: Table
    exclusions: Table
    gaps: Table

    def write(self, folder: Path) -> list[Path]:
        """Write each table, checked against its schema, as parquet and csv; the paths of the files.

        Where pyarrow is not installed, all of them are written as csv alone.
        """
        for name, rule in table_schema.of("reanalyse").items():
            table_schema.check(rule, getattr(self, name))
        if not installed("pyarrow"):
            paths = {folder / f"{name}.csv": getattr(self, name) for name in table_schema.of("reanalyse")}
            for path, table in paths.items():
                write_table(path, table)
            return list(paths)
        return table_schema.write(folder, "reanalyse", vars(self))


def analyse(folder: Path, conditions: Conditions, options: Options) -> tuple[Results, list[Path]]:
    """The results, and the tables that they were made from."""
    runs, gaps = runs_in(folder, conditions)
    layers, readable, faults = read_all(folder, runs)
    kept, alone = with_baseline(readable, conditions)
    gaps += [*faults, *alone]
    pooled = {run for run in kept if conditions.family_of(run.condition)}
    if not pooled:
        first = next(iter([*faults, *alone, *gaps]), None)  # a stray file hides no fault
        raise UserError(f"{folder} holds nothing that can be analysed: {first.sentence if first else 'no conditions'}")
    used = pd.DataFrame(
        [(run.dataset, run.condition, run.seed) for run in kept], columns=["dataset", "condition", "seed"]
    )
    layers = layers.merge(used, on=["dataset", "condition", "seed"])
    return _results(layers, conditions, gaps, options), [
        folder / path for run in kept for path in (run.after, run.before)
    ]


def _results(layers: Table, conditions: Conditions, gaps: list[Gap], options: Options) -> Results:
    changes = procedure.changes(layers)
    live = changes[~changes["frozen"]]
    head = procedure.heads(live, conditions.head)
    changes = procedure.with_roles(changes, head)
    effects = procedure.effects(changes[~changes["frozen"]], conditions)
    means = procedure.family_means(effects)
    own = our_estimates.analyse(layers, changes, conditions)
    excluded = pd.concat([exclusions.of_published(layers, changes, conditions), own.exclusions], ignore_index=True)
    tables, untested = tested(own.effects, options)
    excluded = pd.concat([excluded, exclusions.of_tests(untested)], ignore_index=True)
    gaps = [*gaps, *_headless(head, conditions), *own.gaps, *_left_out(untested)]
    if len(tables["claims"]):
        gaps += _unnumbered(own.effects)
    return Results(
        published=procedure.statistics(means, list(conditions.families)),
        published_layers=means,
        effects=own.effects,
        run_effects=own.run_effects,
        similarity=own.similarity,
        **tables,
        exclusions=excluded,
        gaps=pd.DataFrame([vars(gap) for gap in gaps], columns=["dataset", "condition", "sentence"]),
    )


TESTED = [name for name in table_schema.of("reanalyse") if "analyse" in table_schema.of("reanalyse")[name].made_by]
"""Tables that the analysis of a study makes, too."""


def tested(measured: Table, options: Options) -> tuple[dict[str, Table], Table]:
    """Tables of the analysis of a study, from repeated runs, and what they leave out; empty where no condition has two.

    Families that the tables measure against one set of baseline runs (column `reference`) share its chance.
    """
    if measured.groupby(["dataset", "family", "dose"])["seed"].nunique().max() < 2:
        return {name: table_schema.table(name, []) for name in TESTED}, table_schema.table("excluded", [])
    found = analysed({"effects": measured}, options)
    return {name: found[name] for name in TESTED}, found["excluded"]


def _left_out(untested: Table) -> list[Gap]:
    """A gap for each run that no test sees."""
    runs = untested[untested["what"] == "run"]
    return [
        Gap(f"{row['dataset']}: in the run {row['name']} {row['reason']}", row["dataset"])
        for row in runs.to_dict("records")
    ]


def _unnumbered(measured: Table) -> list[Gap]:
    """A gap for each group of the tested claims whose conditions have no dose."""
    own = measured[measured["family"].isin(COMPARED) & (measured["dose"] != BASELINE)]
    text = "the doses of {family} have no numbers, so that its strongest one is not known: its claims are undecided"
    return [
        Gap(f"{dataset}: {text.format(family=family)}; give them in the conditions file", dataset)
        for (dataset, family), numbers in own.groupby(["dataset", "family"])["number"]
        if numbers.isna().all()
    ]


def _headless(head: dict[str, int | None], conditions: Conditions) -> list[Gap]:
    """A gap for each data set without the head that the conditions file names."""
    text = "no trained layer is called {name!r}, the head of the conditions file; all its layers count as hidden"
    return [
        Gap(f"{dataset}: {text.format(name=conditions.head)}", dataset)
        for dataset, layer in head.items()
        if layer is None
    ]
