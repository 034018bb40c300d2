"""Stage 4: the weights of one condition's runs, removed once all that the study measures at them is made.

    python -m weightscape.stages.drop_weights --settings '{"kept": [0]}' \
        --runs results/4_finetune/digits/efficientnet-lite0/noise/strong/seed0/manifest.json \
        --measures results/5_spectra/digits/efficientnet-lite0/noise/strong/seed0/manifest.json \
        --out /tmp/weights/dropped.json

Writes --out, the record of the runs that have no weights now.
"""

from pathlib import Path

from weightscape.finetune import dropped
from weightscape.provenance.records import write_record
from weightscape.stages import _program

STAGE = "drop_weights"


def main(argv: list[str] | None = None) -> None:
    """Remove the weights and write the record."""
    parser = _program.arguments_of(STAGE, __doc__, dropped.DropSettings)
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="manifests of the finetune stage")
    parser.add_argument("--measures", type=Path, nargs="+", required=True, help="records of what was measured of them")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    code = _program.Code(STAGE, arguments.code)
    runs = [manifest.parent for manifest in arguments.runs]
    gone = dropped.drop(runs, arguments.measures, arguments.settings)
    code.check()
    write_record(
        arguments.out.parent,
        stage=STAGE,
        settings=arguments.settings,
        code=code.digest,
        inputs=[*arguments.runs, *arguments.measures],
        outputs=[],
        facts={"dropped": gone},
        name=arguments.out.stem,
    )
    print(f"without weights: {', '.join(gone) or 'no run'}")


if __name__ == "__main__":
    _program.run(main)
