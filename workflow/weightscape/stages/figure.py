"""Stage 7: one figure, as PDF and PNG, from the tables.

    python -m weightscape.stages.figure --name accuracy_by_dose --tables results/*_metrics \
        --out /tmp/figures/accuracy_by_dose --settings '{}'
"""

import importlib
import pkgutil
from pathlib import Path

import weightscape.figures
from weightscape.errors import UserError
from weightscape.figures.parts import style
from weightscape.metrics import table_schema
from weightscape.stages import _program


def names() -> list[str]:
    """The figures that can be drawn."""
    return sorted(module.name for module in pkgutil.iter_modules(weightscape.figures.__path__) if not module.ispkg)


def main(argv: list[str] | None = None) -> None:
    """Draw the figure --name into {out}.pdf and {out}.png, with its record {out}.json."""
    program = _program.Program("figure", __doc__)
    program.add_argument("--name", required=True, help="a module of weightscape.figures")
    program.add_argument("--tables", type=Path, required=True, help="folder of the tables of stage 6")
    program.add_argument("--out", type=Path, required=True, help="path of the figure without its ending")
    arguments = program.start(argv, lambda arguments: (f"figures.{arguments.name}",))
    if arguments.name not in names():
        raise UserError(f"figure {arguments.name!r} is unknown; choose one of {', '.join(names())}")
    figure = importlib.import_module(f"weightscape.figures.{arguments.name}")
    drawn = figure.draw(table_schema.load(arguments.tables, figure.TABLES))
    sources = [path for name in figure.TABLES if (path := arguments.tables / f"{name}.parquet").is_file()]
    program.check()
    outputs = style.save(drawn, arguments.out)
    program.record(
        arguments.out.parent,
        inputs=sources,
        outputs=outputs,
        facts={"figure": arguments.name, "inches": [float(side) for side in drawn.get_size_inches()]},
        name=arguments.out.name,
    )
    print(f"{arguments.name}: {' and '.join(path.name for path in outputs)}")


if __name__ == "__main__":
    _program.run(main)
