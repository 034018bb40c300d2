"""Stage 7: one figure, as PDF and PNG, from the tables.

    python -m weightscape.stages.figure --name accuracy_by_dose --tables results/6_metrics \
        --out /tmp/figures/accuracy_by_dose --settings '{}'
"""

import importlib
import pkgutil
from pathlib import Path

import weightscape.figures
from weightscape.errors import UserError
from weightscape.figures.parts import style
from weightscape.metrics import reading
from weightscape.provenance.records import write_record
from weightscape.stages import _program

STAGE = "figure"


def names() -> list[str]:
    """The figures that can be drawn."""
    return sorted(module.name for module in pkgutil.iter_modules(weightscape.figures.__path__) if not module.ispkg)


def main(argv: list[str] | None = None) -> None:
    """Draw the figure --name into {out}.pdf and {out}.png, with its record {out}.json."""
    parser = _program.arguments_of(STAGE, __doc__)
    parser.add_argument("--name", required=True, help="a module of weightscape.figures")
    parser.add_argument("--tables", type=Path, required=True, help="folder of the tables of stage 6")
    parser.add_argument("--out", type=Path, required=True, help="path of the figure without its ending")
    arguments = parser.parse_args(argv)
    if arguments.name not in names():
        raise UserError(f"figure {arguments.name!r} is unknown; choose one of {', '.join(names())}")
    figure = importlib.import_module(f"weightscape.figures.{arguments.name}")
    code = _program.Code(STAGE, arguments.code, f"figures.{arguments.name}")
    drawn = figure.draw(reading.load(arguments.tables, figure.TABLES))
    sources = [path for name in figure.TABLES if (path := arguments.tables / f"{name}.parquet").is_file()]
    code.check()
    outputs = style.save(drawn, arguments.out)
    write_record(
        arguments.out.parent,
        stage=STAGE,
        settings=arguments.settings,
        code=code.digest,
        inputs=sources,
        outputs=outputs,
        facts={"figure": arguments.name, "inches": [float(side) for side in drawn.get_size_inches()]},
        name=arguments.out.name,
    )
    print(f"{arguments.name}: {' and '.join(path.name for path in outputs)}")


if __name__ == "__main__":
    _program.run(main)
