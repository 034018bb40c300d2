"""Stage 5: spectra of a backbone before fine-tuning, once for all runs that start from it.

    python -m weightscape.stages.spectra_before --settings "$(weightscape settings spectra_before)" --out /tmp/before \
        --weights results/*_data/backbones/efficientnet-lite0/weights.safetensors
"""

from pathlib import Path

from weightscape.formats.tensors import read_tensors
from weightscape.spectra.settings import SpectraSettings
from weightscape.stages import _program


def main(argv: list[str] | None = None) -> None:
    """Write layers.parquet, esd.safetensors, vectors.safetensors, manifest and provenance into --out."""
    program = _program.Program("spectra_before", __doc__, SpectraSettings)
    program.add_argument("--weights", type=Path, required=True)
    program.add_argument("--out", type=Path, required=True)
    arguments = program.start(argv)

    from weightscape.spectra.runs import known_of, of_backbone

    known = known_of(arguments.weights)
    found = of_backbone(read_tensors(arguments.weights), arguments.settings, known)
    program.check()
    program.record(
        arguments.out,
        inputs=[arguments.weights],
        outputs=found.write(arguments.out),
        facts=found.facts(),
        volatile=found.route(),
    )
    print("{rows} rows, {without_spectrum} of them without a spectrum".format(**found.facts()))


if __name__ == "__main__":
    _program.run(main)
