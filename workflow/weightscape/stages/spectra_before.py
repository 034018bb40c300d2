"""Stage 5: spectra of a backbone before fine-tuning, once for all runs that start from it.

    python -m weightscape.stages.spectra_before --settings '{"spectra": {}, "seed": 1}' --out /tmp/before \
        --weights results/1_data/backbones/efficientnet-lite0/weights.safetensors
"""

from pathlib import Path

from weightscape import program
from weightscape.stages.spectra import measure_and_write

STAGE = "spectra_before"


def main(argv: list[str] | None = None) -> None:
    """Write layers.parquet, esd.safetensors, vectors.safetensors, manifest and provenance into --out."""
    parser = program.arguments_of(STAGE, __doc__)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    code = program.Code(STAGE, arguments.code)
    measure_and_write(STAGE, arguments.settings, code, arguments.out, before=[arguments.weights])


if __name__ == "__main__":
    program.run(main)
