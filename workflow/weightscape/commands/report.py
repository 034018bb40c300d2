"""`weightscape report`: the study's figures and the page again, from the tables of a results folder.

The figures are those of the study's own report; from a folder of tables alone, all that there are.
"""

import argparse
from pathlib import Path

from weightscape.project import REPORT
from weightscape.provenance.records import read_record
from weightscape.study.jobs import BY_RULE


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("results", type=Path, help="a results folder, or its folder of tables")
    parser.add_argument("--out", type=Path, required=True, help="folder for report.html and figures/")
    parser.add_argument("--figure", action="append", default=[], help="draw this figure only; may be repeated")


def run(arguments: argparse.Namespace) -> None:
    import importlib

    from weightscape.errors import UserError
    from weightscape.provenance.extras import require

    require("vl_convert", "the page")
    from weightscape.figures.parts import style
    from weightscape.formats.writing import replacing
    from weightscape.metrics import table_schema
    from weightscape.report import page
    from weightscape.report.settings import CHAPTERS, ReportSettings
    from weightscape.stages import figure
    from weightscape.study.settings import offered

    folder = (arguments.results / BY_RULE["analyse"].record).parent
    folder = folder if folder.is_dir() else arguments.results
    if not any(folder.glob("*.parquet")):
        raise UserError(f"{arguments.results} has no tables (*.parquet): name a results folder or its folder of tables")
    record = folder.parent / BY_RULE["report"].record
    study = read_record(record)["settings"] if record.is_file() else {}  # as the study's own report recorded it
    every = [name for names in CHAPTERS.values() for name in names]
    chosen = arguments.figure or study.get("figures", every)
    unknown = sorted(set(chosen) - set(figure.names()))
    if unknown:
        raise UserError(f"--figure {unknown[0]!r} is unknown; choose from {', '.join(figure.names())}")
    for name in chosen:
        module = importlib.import_module(f"weightscape.figures.{name}")
        style.save(module.draw(table_schema.load(folder, module.TABLES)), arguments.out / "figures" / name)
    title = study.get("title", arguments.results.resolve().name)
    settings = ReportSettings(title, tuple(chosen), offered(), study.get("config"), study.get("differences"))
    html, _ = page.page(folder, arguments.out / "figures", REPORT, settings)
    with replacing(arguments.out / "report.html") as temporary:
        temporary.write_text(html, encoding="utf-8")
    print(f"{arguments.out / 'report.html'}: {len(chosen)} figures, {len(html) / 1e6:.1f} MB")
