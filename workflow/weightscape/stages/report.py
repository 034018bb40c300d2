"""Stage 8: one self-contained page from the tables and figures.

    python -m weightscape.stages.report --tables results/*_metrics --figures results/*_figures \
        --parts workflow/report --out /tmp/report.html \
        --settings '{"title": "Digits", "figures": ["esd"], "tables": [["claims", "verdicts"]], "config": null,
                     "differences": null}'
"""

from pathlib import Path

from weightscape.errors import UserError
from weightscape.formats.writing import replacing
from weightscape.report import page
from weightscape.report.origin import citation_files
from weightscape.report.settings import ReportSettings
from weightscape.stages import _program


def main(argv: list[str] | None = None) -> None:
    program = _program.Program("report", __doc__, ReportSettings)
    program.add_argument("--tables", type=Path, required=True, help="folder of the tables of stage 6")
    program.add_argument("--figures", type=Path, required=True, help="folder of the figures of stage 7")
    program.add_argument("--parts", type=Path, required=True, help="folder of template, style, script and captions")
    program.add_argument("--out", type=Path, required=True)
    arguments = program.start(argv)
    settings: ReportSettings = arguments.settings
    template = arguments.parts / "report.html.j2"
    if not template.is_file():
        raise UserError(f"{template} does not exist: give --parts the folder workflow/report")
    html, sources = page.page(arguments.tables, arguments.figures, arguments.parts, settings)
    program.check()
    with replacing(arguments.out) as temporary:
        temporary.write_text(html, encoding="utf-8")
    names = settings.figures
    captions = [arguments.parts / "captions" / f"{name}.md" for name in names]
    parts = sorted(path for path in arguments.parts.iterdir() if path.is_file() and path.name[0] != ".")
    program.record(
        arguments.out.parent,
        inputs=[*sources, *captions, *parts, *citation_files()],
        outputs=[arguments.out],
        facts={"figures": names, "megabytes": round(len(html) / 1e6, 2)},
    )
    print(f"{arguments.out}: {len(names)} figures, {len(html) / 1e6:.1f} MB")


if __name__ == "__main__":
    _program.run(main)
