"""Stage 8: one self-contained page from the tables and figures.

    python -m weightscape.stages.report --tables results/6_metrics --figures results/7_figures \
        --parts workflow/report --out /tmp/report.html \
        --settings '{"title": "Digits", "figures": ["accuracy_by_dose", "esd"]}'
"""

from pathlib import Path

from weightscape import program, report
from weightscape.errors import UserError
from weightscape.files import read_json, replacing
from weightscape.records import write_record

STAGE = "report"


def main(argv: list[str] | None = None) -> None:
    """Write the page and its record."""
    parser = program.arguments_of(STAGE, __doc__)
    parser.add_argument("--tables", type=Path, required=True, help="folder of the tables, results/6_metrics")
    parser.add_argument("--figures", type=Path, required=True, help="folder of the figures, results/7_figures")
    parser.add_argument("--parts", type=Path, required=True, help="folder of template, style, script and captions")
    parser.add_argument("--config", type=Path, help="the study's config as JSON, to be shown on the page")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    code = program.Code(STAGE, arguments.code)
    settings = arguments.settings
    for path in (arguments.parts / "report.html.j2", arguments.config):
        if path is not None and not path.is_file():
            raise UserError(f"{path} does not exist: give the path of a file that does")
    config = read_json(arguments.config) if arguments.config else None
    page, sources = report.page(arguments.tables, arguments.figures, arguments.parts, settings, config)
    code.check()
    with replacing(arguments.out) as temporary:
        temporary.write_text(page, encoding="utf-8")
    names = settings.get("figures", [])
    captions = [arguments.parts / "captions" / f"{name}.md" for name in names]
    parts = sorted(path for path in arguments.parts.iterdir() if path.is_file())
    write_record(
        arguments.out.parent,
        stage=STAGE,
        settings=settings,
        code=code.digest,
        inputs=[*sources, *captions, *parts, *([arguments.config] if arguments.config else [])],
        outputs=[arguments.out],
        facts={"figures": names, "megabytes": round(len(page) / 1e6, 2)},
    )
    print(f"{arguments.out}: {len(names)} figures, {len(page) / 1e6:.1f} MB")


if __name__ == "__main__":
    program.run(main)
