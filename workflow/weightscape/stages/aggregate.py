"""Stage 6: tidy tables from the records of every run.

    python -m weightscape.stages.aggregate --out results/*_metrics --settings "$(weightscape settings aggregate)"

Writes each table as parquet, and as csv where a person would read it.
"""

from pathlib import Path

from weightscape.formats.tables import Table
from weightscape.formats.typed import to_json
from weightscape.metrics import table_schema
from weightscape.metrics.tables import costs, evaluation, images, spectra
from weightscape.metrics.tables.outline import Outline, sources
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


def tables(results: Path, outline: Outline) -> dict[str, Table]:
    """Every table of the program `aggregate` by name, checked; one without rows has its columns all the same."""
    layers = spectra.layers(results, outline)
    made = {
        "runs": evaluation.runs(results, outline),
        "evaluation": evaluation.evaluation(results, outline),
        "class_accuracy": evaluation.class_accuracy(results, outline),
        "layers": layers,
        "diversity": images.diversity(results, outline),
        "splits": images.splits(results, outline),
        "quality": images.quality(results, outline),
        "samples": images.samples(results, outline),
        "curvature": evaluation.curvature(results, outline),
        "penalties": evaluation.penalties(results, outline),
        "spectra_examples": spectra.spectra_examples(results, outline, layers),
        "quantiles": spectra.quantiles(results, outline, layers),
        "esd": spectra.esd(results, outline, layers),
        "reliability": evaluation.reliability(results, outline),
        "weight_change": spectra.weight_change(layers),
    }
    made = {name: table if len(table) else table_schema.empty(name) for name, table in made.items()}
    for name, rule in table_schema.of("aggregate").items():
        table_schema.check(rule, made[name])
    return made


if __name__ == "__main__":
    _program.run(main)
