"""Stage 8: one self-contained page from the tables and figures.

    python -m weightscape.stages.report --tables results/6_metrics --figures results/7_figures \
        --template workflow/report/report.html.j2 --captions workflow/report/captions --out /tmp/report.html \
        --settings '{"title": "Digits", "figures": ["accuracy_by_dose", "esd"]}'
"""

import json
from pathlib import Path
from typing import Any

from weightscape import program, report
from weightscape.errors import UserError
from weightscape.files import read_json, read_table, replacing, sha256
from weightscape.records import place, provenance, write_record

STAGE = "report"
LASTING = (
    "commit",
    "python",
    "machine",
    "versions",
)  # of the provenance; times would change the page at each run


def origin(sources: list[Path]) -> dict[str, Any]:
    """Where the page comes from: versions and commit, and the digest of each table and figure."""
    known = provenance()
    return {
        **{key: known[key] for key in LASTING},
        "sources": {place(path): sha256(path) for path in sources},
    }


def config_text(path: Path | None) -> str:
    """The study's config as YAML, in its own order; empty without a file."""
    if path is None:
        return ""
    import yaml

    return yaml.safe_dump(read_json(path), sort_keys=False, allow_unicode=True, width=100)


def main(argv: list[str] | None = None) -> None:
    """Write the page and its record."""
    parser = program.arguments_of(STAGE, __doc__)
    parser.add_argument("--tables", type=Path, required=True, help="folder of the tables, results/6_metrics")
    parser.add_argument("--figures", type=Path, required=True, help="folder of the figures, results/7_figures")
    parser.add_argument("--template", type=Path, required=True)
    parser.add_argument("--captions", type=Path, required=True, help="folder with one NAME.md per figure")
    parser.add_argument("--config", type=Path, help="the study's config as JSON, to be shown on the page")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    code = program.Code(STAGE, arguments.code)
    settings = arguments.settings
    for path in (arguments.template, arguments.config):
        if path is not None and not path.is_file():
            raise UserError(f"{path} does not exist: give the path of a file that does")
    tables = {name: arguments.tables / f"{name}.parquet" for name in report.TABLES}
    frames = {name: read_table(path) for name, path in tables.items()}
    names = settings.get("figures", [])
    pngs = [arguments.figures / f"{name}.png" for name in names]
    captions = [arguments.captions / f"{name}.md" for name in names]
    pictures = [report.picture(*files) for files in zip(names, pngs, captions, strict=True)]
    sources = [*tables.values(), *pngs]
    context = {
        "title": settings.get("title", "Weightscape"),
        "summary": report.summary(frames),
        "chapters": report.chapters(frames, pictures),
        "settings": json.dumps(settings, indent=1),
        "config": config_text(arguments.config),
        "origin": origin(sources),
    }
    page = report.render(arguments.template, context)
    code.check()
    with replacing(arguments.out) as temporary:
        temporary.write_text(page, encoding="utf-8")
    write_record(
        arguments.out.parent,
        stage=STAGE,
        settings=settings,
        code=code.digest,
        inputs=[*sources, *captions, arguments.template, *([arguments.config] if arguments.config else [])],
        outputs=[arguments.out],
        facts={"figures": names, "megabytes": round(len(page) / 1e6, 2)},
    )
    print(f"{arguments.out}: {len(names)} figures, {len(page) / 1e6:.1f} MB")


if __name__ == "__main__":
    program.run(main)
