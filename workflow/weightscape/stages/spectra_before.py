"""Stage 5: spectra of a backbone before fine-tuning, once for all runs that start from it.

    python -m weightscape.stages.spectra_before --settings '{"spectra": {}, "seed": 1}' --out /tmp/before \
        --weights results/1_data/backbones/efficientnet-lite0/weights.safetensors
"""

from pathlib import Path

from weightscape.spectra.writing import measure_and_write
from weightscape.stages import _program

STAGE = "spectra_before"


def main(argv: list[str] | None = None) -> None:
    """Write layers.parquet, esd.safetensors, vectors.safetensors, manifest and provenance into --out."""
    parser = _program.arguments_of(STAGE, __doc__)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    code = _program.Code(STAGE, arguments.code)
    measure_and_write(STAGE, arguments.settings, code, arguments.out, before=[arguments.weights])


if __name__ == "__main__":
    _program.run(main)
