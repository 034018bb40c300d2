"""Stage 5: spectra of one run: of every weight matrix after fine-tuning, of its update, and of its own initial head.

    python -m weightscape.stages.spectra --settings "$(weightscape settings spectra)" --out /tmp/spectra \
        --weights results/1_data/backbones/efficientnet-lite0/weights.safetensors \
        --vectors results/5_spectra/before/efficientnet-lite0/vectors.safetensors \
        --initial results/4_finetune/digits/efficientnet-lite0/noise/strong/seed0/initial.safetensors \
        --after results/4_finetune/digits/efficientnet-lite0/noise/strong/seed0/after.safetensors
"""

from pathlib import Path

from weightscape.formats.tensors import read_tensors
from weightscape.provenance.records import read_record, write_record
from weightscape.spectra.settings import SpectraSettings
from weightscape.stages import _program

STAGE = "spectra"


def main(argv: list[str] | None = None) -> None:
    """Write layers.parquet, esd.safetensors, manifest and provenance into --out."""
    parser = _program.arguments_of(STAGE, __doc__, SpectraSettings)
    parser.add_argument("--after", type=Path, required=True, help="weights of a run, beside its manifest")
    parser.add_argument("--initial", type=Path, required=True, help="what differs from --weights before training")
    parser.add_argument("--weights", type=Path, required=True, help="weights of the backbone; empty for from scratch")
    parser.add_argument("--vectors", type=Path, help="leading vectors of --weights, from the stage spectra_before")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    code = _program.Code(STAGE, arguments.code)

    from weightscape.spectra.runs import of_run

    found = of_run(
        read_tensors(arguments.weights),
        read_tensors(arguments.initial),
        read_tensors(arguments.after),
        read_record(arguments.after.parent / "manifest.json")["facts"]["head"],
        read_tensors(arguments.vectors) if arguments.vectors else {},
        arguments.settings,
    )
    code.check()
    write_record(
        arguments.out,
        stage=STAGE,
        settings=arguments.settings,
        code=code.digest,
        inputs=filter(None, [arguments.weights, arguments.initial, arguments.after, arguments.vectors]),
        outputs=found.write(arguments.out),
        facts=found.facts(),
    )
    print("{rows} rows, {without_spectrum} of them without a spectrum".format(**found.facts()))


if __name__ == "__main__":
    _program.run(main)
