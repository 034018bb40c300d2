"""Stage 6: tidy tables from the records of every run.

    python -m weightscape.stages.aggregate --out results/*_metrics --settings "$(weightscape settings aggregate)"

Writes each table as parquet, and as csv where a person would read it.
"""

from pathlib import Path

from weightscape.formats.typed import to_json
from weightscape.metrics import table_schema
from weightscape.metrics.tables import costs
from weightscape.metrics.tables.outline import Outline, sources
from weightscape.metrics.tables.whole import tables
from weightscape.provenance.records import results_of
from weightscape.stages import _program


def main(argv: list[str] | None = None) -> None:
    program = _program.Program("aggregate", __doc__, Outline)
    program.add_argument("--out", type=Path, required=True)
    arguments = program.start(argv)
    outline: Outline = arguments.settings
    results = results_of(arguments.out)
    made = tables(results, outline)
    program.check()
    paths = table_schema.write(arguments.out, "aggregate", made)
    for name, table in made.items():
        print(f"{name}: {len(table)} rows")
    program.record(
        arguments.out,
        name="aggregate",
        inputs=sources(results, outline),
        outputs=paths,
        facts={name: len(table) for name, table in made.items()},
        volatile={"stages": to_json(costs.costs(results))},
    )


if __name__ == "__main__":
    _program.run(main)
