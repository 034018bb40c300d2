"""Stage 6: tidy tables from the records of every run.

    python -m weightscape.stages.aggregate --out results/6_metrics --settings "$(weightscape settings aggregate)"

Writes each table as parquet, and as csv where a person would read it.
"""

from pathlib import Path

from weightscape.formats.tables import write_table
from weightscape.formats.typed import to_json
from weightscape.metrics import table_schema
from weightscape.metrics.tables import costs
from weightscape.metrics.tables.outline import Outline, sources
from weightscape.metrics.tables.whole import tables
from weightscape.provenance.records import results_of, write_record
from weightscape.stages import _program

STAGE = "aggregate"


def main(argv: list[str] | None = None) -> None:
    """Write each table as parquet, and as csv where a person would read it."""
    parser = _program.arguments_of(STAGE, __doc__, Outline)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    code = _program.Code(STAGE, arguments.code)
    outline: Outline = arguments.settings
    results = results_of(arguments.out)
    made = tables(results, outline)
    code.check()
    paths = []
    for name, rule in table_schema.of(STAGE).items():
        for path in (arguments.out / f"{name}.{ending}" for ending in table_schema.endings(rule)):
            write_table(path, made[name])
            paths.append(path)
        print(f"{name}: {len(made[name])} rows")
    write_record(
        arguments.out,
        name=STAGE,
        stage=STAGE,
        settings=outline,
        code=code.digest,
        inputs=sources(results, outline),
        outputs=paths,
        facts={name: len(table) for name, table in made.items()},
        volatile={"stages": to_json(costs.costs(results))},
    )


if __name__ == "__main__":
    _program.run(main)
