"""Stage 5: spectra of one run: of every weight matrix after fine-tuning, of its update, and of its own initial head.

    python -m weightscape.stages.spectra --settings "$(weightscape settings spectra)" --out /tmp/spectra \
        --weights results/*_data/backbones/efficientnet-lite0/weights.safetensors \
        --vectors results/*_spectra/before/efficientnet-lite0/vectors.safetensors \
        --initial results/*_finetune/digits/efficientnet-lite0/noise/strong/seed0/initial.safetensors \
        --after results/*_finetune/digits/efficientnet-lite0/noise/strong/seed0/after.safetensors
"""

from pathlib import Path

from weightscape.formats.tensors import read_tensors
from weightscape.provenance.records import read_record
from weightscape.spectra.settings import SpectraSettings
from weightscape.stages import _program


def main(argv: list[str] | None = None) -> None:
    """Write layers.parquet, esd.safetensors, manifest and provenance into --out."""
    program = _program.Program("spectra", __doc__, SpectraSettings)
    program.add_argument("--after", type=Path, required=True, help="weights of a run, beside its manifest")
    program.add_argument("--initial", type=Path, required=True, help="what differs from --weights before training")
    program.add_argument("--weights", type=Path, required=True, help="weights of the backbone; empty for from scratch")
    program.add_argument("--vectors", type=Path, help="leading vectors of --weights, from the stage spectra_before")
    program.add_argument("--out", type=Path, required=True)
    arguments = program.start(argv)

    from weightscape.spectra.row import Weights
    from weightscape.spectra.runs import known_of, of_run

    run = Weights(
        read_tensors(arguments.after),
        head=frozenset(read_record(arguments.after.parent / "manifest.json")["facts"]["head"]),
        leading=read_tensors(arguments.vectors) if arguments.vectors else {},
        known=known_of(arguments.weights),
    )
    backbone, initial = read_tensors(arguments.weights), read_tensors(arguments.initial)
    found = of_run(run, backbone, initial, arguments.settings)
    program.check()
    program.record(
        arguments.out,
        inputs=filter(None, [arguments.weights, arguments.initial, arguments.after, arguments.vectors]),
        outputs=found.write(arguments.out),
        facts=found.facts(),
        volatile=found.route(),
    )
    print("{rows} rows, {without_spectrum} of them without a spectrum".format(**found.facts()))


if __name__ == "__main__":
    _program.run(main)
