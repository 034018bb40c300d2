"""Stage 6: effects of each run and condition against its family's own baselines.

    python -m weightscape.stages.analyse --tables results/6_metrics \
        --settings '{"analyse": {"metrics": ["log_norm", "alpha"]}}'

Writes `effects` and `run_effects` beside the tables that they come from.
"""

from pathlib import Path

from weightscape import effects, program
from weightscape.files import read_table, write_table
from weightscape.records import write_record

STAGE = "analyse"


def main(argv: list[str] | None = None) -> None:
    """Write effects.parquet and run_effects (parquet and csv) beside the tables they come from."""
    parser = program.arguments_of(STAGE, __doc__)
    parser.add_argument("--tables", type=Path, required=True)
    arguments = parser.parse_args(argv)
    code = program.Code(STAGE, arguments.code)
    source = arguments.tables / "layers.parquet"
    changed = effects.changes(read_table(source), arguments.settings["analyse"]["metrics"])
    table = effects.against_baseline(changed)
    summary = effects.per_run(table)
    code.check()
    write_table(arguments.tables / "effects.parquet", table)
    write_table(arguments.tables / "run_effects.parquet", summary)
    write_table(arguments.tables / "run_effects.csv", summary)
    write_record(
        arguments.tables,
        name=STAGE,
        stage=STAGE,
        settings=arguments.settings,
        code=code.digest,
        inputs=[source],
        outputs=[arguments.tables / name for name in ("effects.parquet", "run_effects.parquet", "run_effects.csv")],
        facts={"effects": len(table), "run_effects": len(summary)},
    )
    print(f"{len(table)} effects of {summary['layers'].count()} runs, roles and metrics")


if __name__ == "__main__":
    program.run(main)
