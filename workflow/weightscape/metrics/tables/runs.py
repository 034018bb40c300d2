"""The tidy tables of a study, gathered from the records of its runs.

Each function takes the results folder and the study's outline (settings of the stage `aggregate`) and returns one
table. RUN columns come first in each: dataset, backbone, family, dose, number, seed.
"""

from pathlib import Path

import pandas as pd

from weightscape.formats.tables import Table
from weightscape.metrics.tables import folders
from weightscape.metrics.tables.images import judge_accuracy
from weightscape.metrics.tables.outline import Outline, numbers, runs_of
from weightscape.provenance.records import read_record


def runs(results: Path, outline: Outline) -> Table:
    """One row per run: what it was trained on, what was seen to act, how training ended.

    `judge_accuracy` is the share of its images, as the network sees them, that the judge assigns to their class; nan
    where the family leaves images alone.
    """
    judged = judge_accuracy(results, outline)
    rows = []
    for columns, run in runs_of(outline):
        key = tuple(columns[name] for name in ("dataset", "family", "dose", "seed"))
        facts = read_record(folders.run(results, run) / "manifest.json")["facts"]
        final = {f"train_{name}": facts["final"][name] for name in ("loss", "accuracy")}
        judge = {"judge_accuracy": judged.get(key, float("nan"))}
        rows.append({**columns, "items": facts["items"], **numbers(facts["action"]), **judge, **final})
    return pd.DataFrame(rows)
