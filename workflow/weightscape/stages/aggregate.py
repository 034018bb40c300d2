"""Stage 6: tidy tables from the records of every run.

    python -m weightscape.stages.aggregate --out results/6_metrics --settings "$(weightscape settings aggregate)"

Writes each table as parquet, and as csv where a person would read it.
"""

from pathlib import Path

from weightscape.formats.tables import write_table
from weightscape.metrics.tables import costs, evaluation, images, runs, spectra
from weightscape.metrics.tables.outline import sources
from weightscape.provenance.records import results_of, write_record
from weightscape.stages import _program

STAGE = "aggregate"


def main(argv: list[str] | None = None) -> None:
    """Write each table as parquet, and as csv where a person would read it."""
    parser = _program.arguments_of(STAGE, __doc__)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    code = _program.Code(STAGE, arguments.code)
    outline, results = arguments.settings, results_of(arguments.out)
    made = {
        "runs": runs.runs(results, outline),
        "evaluation": evaluation.evaluation(results, outline),
        "class_accuracy": evaluation.class_accuracy(results, outline),
        "layers": spectra.layers(results, outline),
        "diversity": images.diversity(results, outline),
        "quality": images.quality(results, outline),
        "samples": images.samples(results, outline),
        "curvature": evaluation.curvature(results, outline),
    }
    made["spectra_examples"] = spectra.spectra_examples(results, outline, made["layers"])
    made["quantiles"] = spectra.quantiles(results, outline, made["layers"])
    made["esd"] = spectra.esd(results, outline, made["layers"])
    made["reliability"] = evaluation.reliability(results, outline)
    made["weight_change"] = spectra.weight_change(made["layers"])
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
        inputs=sources(results, outline),
        outputs=paths,
        facts={name: len(table) for name, table in made.items()},
        volatile={"stages": costs.costs(results)},
    )


if __name__ == "__main__":
    _program.run(main)
