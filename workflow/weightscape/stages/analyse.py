"""Stage 6: effects of each run and condition against the baseline runs, and the claims tested on them.

    python -m weightscape.stages.analyse --tables results/*_metrics --settings "$(weightscape settings analyse)"

Writes its tables of workflow/schemas/tables.schema.yaml beside those that they come from.
"""

from pathlib import Path

from weightscape.formats.tables import read_table
from weightscape.metrics import effects, outcomes, table_schema
from weightscape.metrics.analysis import condition_intervals, usable_layers
from weightscape.metrics.analysis.analyse import analysed
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.summaries import setups_of
from weightscape.stages import _program

READ = ("layers", "evaluation", "runs", "diversity", "quantiles", "curvature", "penalties")
GENERATOR = "quality"
"""The table of the generator, which a study without one has not."""


def main(argv: list[str] | None = None) -> None:
    program = _program.Program("analyse", __doc__, Options)
    program.add_argument("--tables", type=Path, required=True)
    arguments = program.start(argv)
    options: Options = arguments.settings
    paths = {name: arguments.tables / f"{name}.parquet" for name in READ}
    if (arguments.tables / f"{GENERATOR}.parquet").is_file():
        paths[GENERATOR] = arguments.tables / f"{GENERATOR}.parquet"
    tables = {name: read_table(path) for name, path in paths.items()}
    table = effects.against_baseline(effects.changes(tables["layers"], list(options.metrics)))
    seen = usable_layers.common(table, options.metrics)
    made = {
        "effects": table_schema.table("effects", [table]),
        "run_effects": table_schema.table("run_effects", [effects.per_run(effects.against_baseline(seen))]),
    }
    runs = outcomes.of_all_runs(tables["evaluation"], tables["diversity"], setups_of(tables["runs"]))
    shown = {
        "effect_intervals": condition_intervals.of_effects(made["effects"], made["run_effects"], options.level),
        "outcome_intervals": condition_intervals.of_outcomes(runs, options.level),
        "baseline_differences": condition_intervals.of_baselines(made["run_effects"], options.level),
    }
    made |= {name: table_schema.table(name, [table]) for name, table in shown.items()}
    made |= analysed({**tables, "effects": table}, options)
    program.check()
    written = table_schema.write(arguments.tables, "analyse", made)
    program.record(
        arguments.tables,
        name="analyse",
        inputs=paths.values(),
        outputs=written,
        facts={name: len(table) for name, table in made.items()},
    )
    for row in made["excluded"][made["excluded"]["what"] == "run"].itertuples():
        print(f"left out: run {row.dataset}/{row.backbone}/{row.name}, {row.reason}")
    for row in made["claims"][made["claims"]["backbone"] == "all"].itertuples():
        print(f"{row.claim} {row.verdict}: {row.reason} {row.aside}".rstrip())


if __name__ == "__main__":
    _program.run(main)
