"""Stage 6: tidy tables from the records of every run.

    python -m weightscape.stages.aggregate --out results/6_metrics --settings "$(weightscape settings aggregate)"

Writes each table as parquet, and as csv where a person would read it.
"""

from pathlib import Path

from weightscape import program, shown, tables
from weightscape.files import write_table
from weightscape.records import results_of, write_record

STAGE = "aggregate"


def main(argv: list[str] | None = None) -> None:
    """Write each table as parquet, and as csv where a person would read it."""
    parser = program.arguments_of(STAGE, __doc__)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    code = program.Code(STAGE, arguments.code)
    outline, results = arguments.settings, results_of(arguments.out)
    made = {
        name: getattr(tables, name)(results, outline)
        for name in ("runs", "evaluation", "class_accuracy", "layers", "diversity", "quality", "samples", "curvature")
    }
    made["spectra_examples"] = tables.spectra_examples(results, outline, made["layers"])
    made["quantiles"] = tables.quantiles(results, outline, made["layers"])
    made["esd"] = shown.esd(results, outline, made["layers"])
    made["reliability"] = shown.reliability(results, outline)
    made["weight_change"] = shown.weight_change(made["layers"])
    code.check()
    paths = []
    for name, table in made.items():
        endings = (
            ("parquet", "csv") if name in ("runs", "evaluation", "diversity", "quality", "curvature") else ("parquet",)
        )
        for path in (arguments.out / f"{name}.{ending}" for ending in endings):
            write_table(path, table)
            paths.append(path)
        print(f"{name}: {len(table)} rows")
    write_record(
        arguments.out,
        name=STAGE,
        stage=STAGE,
        settings=outline,
        code=code.digest,
        inputs=tables.sources(results, outline),
        outputs=paths,
        facts={name: len(table) for name, table in made.items()},
        volatile={"stages": shown.costs(results)},
    )


if __name__ == "__main__":
    program.run(main)
