"""Writes workflow/docs/staleness.md from the stale matrix and the table of code.

PYTHONPATH=tests:workflow python tests/faults/staleness_page.py
"""

import tempfile
from collections import Counter
from pathlib import Path

from faults import code_table
from faults.stale_matrix import ROWS, Row
from toy_project import ROOT, STUDY, Project, new_project
from weightscape.study.jobs import JOBS

PAGE = ROOT / "workflow" / "docs" / "staleness.md"


def page() -> str:
    """The matrix as a page: each change with the jobs that it makes stale, counted by rule."""
    lines = [
        "# What reruns when",
        "",
        "Jobs that run again after one change to the finished smoke study (6 runs). `PYTHONPATH=tests:workflow python",
        "tests/faults/staleness_page.py` writes this page from the table that `make test-faults` checks job by job.",
        "",
        "| change | jobs that run again |",
        "|---|---|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        project = new_project(Path(folder))
        configs = {name: (project.root / name).read_bytes() for name in ("config.yaml", STUDY)}
        for row in ROWS:
            lines.append(f"| {row.change} | {outcome(row, project)} |")
            for name, content in configs.items():
                project.write(name, content)
    return "\n".join([*lines, *CODE, *code_table.table()]) + "\n"


CODE = [
    "",
    "## Which stages an edit of the code reruns",
    "",
    "A stage in bold has the edited module in the digest of its code; the others read what it makes. *(some)* means",
    "only the jobs that ask for the module: the splits of that source, downloads of that kind, or that figure. The",
    "digest is taken from the parsed code and schemas: layout, comments, the texts of errors and messages, and the",
    "descriptions in schemas are no part of it.",
    "",
]


def outcome(row: Row, project: Project) -> str:
    """States in words the outcome that a row expects."""
    if row.stops:
        return "none: the workflow stops with a sentence that names `weightscape adopt`"
    if row.verify:
        remedy = (
            "`make restore` makes it again" if row.verify.startswith("missing") else "`weightscape adopt` deletes it"
        )
        return f"{'all that reads it' if row.reruns else 'none'}: `weightscape verify` names it, {remedy}"
    if not row.reruns:
        return "none"
    if row.study:
        row.edit(project)
    counts = Counter(log.partition("/")[0] for log in row.expected(project))
    names = sorted(counts, key=[job.rule for job in JOBS].index)
    return ", ".join(f"{name} {counts[name]}" for name in names)


if __name__ == "__main__":
    PAGE.write_text(page())
