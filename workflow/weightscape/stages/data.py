"""Stage 1: one split of a data set as shards of uint8 images with a manifest.

    python -m weightscape.stages.data --out /tmp/digits/test --settings '{"dataset": "digits", "split": "test",
        "shards": 1, "images": {"kind": "packaged", "splits": {"train": 1000, "test": 500}}, "seed": 1}'

Memory is bounded whatever the size of the split. Corrupted test images are made by the stage `corrupt`.
"""

from pathlib import Path

from weightscape.data import readers
from weightscape.data.settings import DataSettings
from weightscape.formats.typed import to_json
from weightscape.provenance.records import write_record
from weightscape.stages import _program

STAGE = "data"


def main(argv: list[str] | None = None) -> None:
    """Write shards, manifest and provenance into --out."""
    parser = _program.arguments_of(STAGE, __doc__, DataSettings)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=1, help="processes that decode images; no result depends on it")
    arguments = parser.parse_args(argv)
    settings: DataSettings = arguments.settings
    modules = readers.of_split(to_json(settings))
    code = _program.Code(STAGE, arguments.code, *modules)
    shards, facts = readers.imported(modules[0]).write_split(arguments.out, settings, arguments.workers)
    code.check()
    write_record(
        arguments.out,
        stage=STAGE,
        settings=settings,
        code=code.digest,
        inputs=[],
        outputs=shards,
        facts=facts,
    )
    print(f"{facts['images']} images of split {settings.split} in {len(shards)} shard(s)")


if __name__ == "__main__":
    _program.run(main)
