"""Stage 5: spectra of one run: of every weight matrix after fine-tuning, of its update, and of its own initial head.

    python -m weightscape.stages.spectra --settings '{"spectra": {}, "seed": 1}' --out /tmp/spectra \
        --weights results/1_data/backbones/efficientnet-lite0/weights.safetensors \
        --vectors results/5_spectra/before/efficientnet-lite0/vectors.safetensors \
        --initial results/4_finetune/digits/efficientnet-lite0/noise/strong/seed0/initial.safetensors \
        --after results/4_finetune/digits/efficientnet-lite0/noise/strong/seed0/after.safetensors
"""

from pathlib import Path

from weightscape.spectra.writing import measure_and_write
from weightscape.stages import _program

STAGE = "spectra"


def main(argv: list[str] | None = None) -> None:
    """Write layers.parquet, esd.safetensors, manifest and provenance into --out."""
    parser = _program.arguments_of(STAGE, __doc__)
    parser.add_argument("--after", type=Path, required=True, help="weights of a run, beside its manifest")
    parser.add_argument("--initial", type=Path, required=True, help="what differs from --weights before training")
    parser.add_argument("--weights", type=Path, required=True, help="weights of the backbone; empty for from scratch")
    parser.add_argument("--vectors", type=Path, help="leading vectors of --weights, from the stage spectra_before")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    code = _program.Code(STAGE, arguments.code)
    measure_and_write(
        STAGE,
        arguments.settings,
        code,
        arguments.out,
        before=[arguments.weights, arguments.initial],
        after=arguments.after,
        vectors=arguments.vectors,
    )


if __name__ == "__main__":
    _program.run(main)
