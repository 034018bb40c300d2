"""Stages 6 to 8 of a study that starts from published tables: result tables, figures and page.

    python -m weightscape.stages.reanalyse --tables workflow/studies/published/toy \
        --conditions workflow/studies/published/conditions.yaml --settings "$(weightscape settings reanalyse)" \
        --out /tmp/tables --figures /tmp/figures --page /tmp/page/report.html

Writes a record `reanalyse.json` beside the tables, the figures and the page.
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
    program.add_argument("--out", type=Path, required=True, help="folder of the tables that are made")
    program.add_argument("--figures", type=Path, required=True, help="folder of the figures")
    program.add_argument("--page", type=Path, required=True)
    arguments = program.start(argv)
    places = Places(arguments.out, arguments.figures, arguments.page)
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
