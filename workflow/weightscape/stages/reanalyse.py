"""Stages 6 to 8 of a study that starts from published tables: result tables, figures and page.

    python -m weightscape.stages.reanalyse --tables workflow/studies/published/toy \
        --conditions workflow/studies/published/conditions.yaml --results /tmp/reanalysis \
        --settings "$(weightscape settings reanalyse)"

Writes 6_metrics/, 7_figures/ and 8_report/report.html below --results, each with its record `reanalyse.json`.
"""

from pathlib import Path

from weightscape.formats.writing import sha256
from weightscape.published import conditions, table_files
from weightscape.published.page import Places, reanalyse
from weightscape.published.settings import ReanalyseSettings
from weightscape.stages import _program


def main(argv: list[str] | None = None) -> None:
    program = _program.Program("reanalyse", __doc__, ReanalyseSettings)
    program.add_argument("--tables", type=Path, required=True, help="folder of the tables")
    program.add_argument("--conditions", type=Path, required=True, help="the conditions file")
    program.add_argument("--results", type=Path, required=True, help="the study's results folder")
    arguments = program.start(argv)
    out = arguments.results
    places = Places(out / "6_metrics", out / "7_figures", out / "8_report" / "report.html")
    settings: ReanalyseSettings = arguments.settings
    made = reanalyse(arguments.tables, conditions.read(arguments.conditions), settings.analyse, places)
    program.check()
    facts = {
        "tables": {path.relative_to(arguments.tables).as_posix(): sha256(path) for path in made.inputs},
        "csv_files": table_files.csv_files(arguments.tables),
        "conditions": sha256(arguments.conditions),
        "gaps": made.gaps,
    }
    for folder in (places.page.parent, places.figures, places.tables):
        program.record(
            folder,
            name="reanalyse",
            inputs=[],
            outputs=[path for path in made.outputs if path.parent == folder],
            facts=facts,
        )
    for gap in made.gaps:
        print(f"gap: {gap}")
    print(f"{len(made.inputs)} tables read, {len(made.gaps)} gaps: {places.page}")


if __name__ == "__main__":
    _program.run(main)
