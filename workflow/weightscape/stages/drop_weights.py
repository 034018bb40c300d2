"""Stage 4: the weights of one condition's runs, removed once all that the study measures at them is made.

    python -m weightscape.stages.drop_weights --settings '{"kept": [0]}' \
        --runs results/*_finetune/digits/efficientnet-lite0/noise/strong/seed0/manifest.json \
        --measures results/*_spectra/digits/efficientnet-lite0/noise/strong/seed0/manifest.json \
        --out /tmp/weights/dropped.json

Writes --out, the record of the runs that have no weights now.
"""

from pathlib import Path

from weightscape.finetune import kept_weights
from weightscape.stages import _program


def main(argv: list[str] | None = None) -> None:
    program = _program.Program("drop_weights", __doc__, kept_weights.DropSettings)
    program.add_argument("--runs", type=Path, nargs="+", required=True, help="manifests of the finetune stage")
    program.add_argument("--measures", type=Path, nargs="+", required=True, help="records of what was measured of them")
    program.add_argument("--out", type=Path, required=True)
    arguments = program.start(argv)
    runs = [manifest.parent for manifest in arguments.runs]
    gone = kept_weights.drop(runs, arguments.measures, arguments.settings)
    program.check()
    program.record(
        arguments.out.parent,
        inputs=[*arguments.runs, *arguments.measures],
        outputs=[],
        facts={"dropped": gone},
        name=arguments.out.stem,
    )
    print(f"without weights: {', '.join(gone) or 'no run'}")


if __name__ == "__main__":
    _program.run(main)
