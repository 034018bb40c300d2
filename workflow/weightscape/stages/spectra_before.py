"""Stage 5: spectra of a backbone before fine-tuning, once for all runs that start from it.

    python -m weightscape.stages.spectra_before --settings "$(weightscape settings spectra_before)" --out /tmp/before \
        --weights results/1_data/backbones/efficientnet-lite0/weights.safetensors
"""

from pathlib import Path

from weightscape.formats.tensors import read_tensors
from weightscape.provenance.records import write_record
from weightscape.spectra.settings import SpectraSettings
from weightscape.stages import _program

STAGE = "spectra_before"


def main(argv: list[str] | None = None) -> None:
    """Write layers.parquet, esd.safetensors, vectors.safetensors, manifest and provenance into --out."""
    parser = _program.arguments_of(STAGE, __doc__, SpectraSettings)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    code = _program.Code(STAGE, arguments.code)

    from weightscape.spectra.runs import of_backbone

    found = of_backbone(read_tensors(arguments.weights), arguments.settings)
    code.check()
    write_record(
        arguments.out,
        stage=STAGE,
        settings=arguments.settings,
        code=code.digest,
        inputs=[arguments.weights],
        outputs=found.write(arguments.out),
        facts=found.facts(),
    )
    print("{rows} rows, {without_spectrum} of them without a spectrum".format(**found.facts()))


if __name__ == "__main__":
    _program.run(main)
