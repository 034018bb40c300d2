"""Stage 1: an OOD split of corrupted test images as shards of uint8 images with a manifest.

    python -m weightscape.stages.corrupt --test results/*_data/digits/test/shard-00000.safetensors \
        --out /tmp/digits/ood-blur --settings '{"dataset": "digits", "split": "ood-blur", "shards": 1, "seed": 1,
            "kind": "blur", "severity": 3, "images": 100}'

Memory is bounded whatever the size of the split.
"""

from pathlib import Path

from weightscape.data.corruptions import write_corrupted
from weightscape.data.settings import CorruptSettings
from weightscape.stages import _program


def main(argv: list[str] | None = None) -> None:
    """Write shards, manifest and provenance into --out."""
    program = _program.Program("corrupt", __doc__, CorruptSettings)
    program.add_argument("--out", type=Path, required=True)
    program.add_argument("--test", type=Path, nargs="+", required=True, help="shards of the test split")
    arguments = program.start(argv)
    shards, facts = write_corrupted(arguments.out, arguments.settings, arguments.test)
    program.check()
    program.record(arguments.out, inputs=arguments.test, outputs=shards, facts=facts)
    print(f"{facts['images']} images of split {arguments.settings.split} in {len(shards)} shard(s)")


if __name__ == "__main__":
    _program.run(main)
