"""Stage 1: a download into the cache (see `formats.cache`), or a check of what lies there or in a folder already.

    python -m weightscape.stages.fetch --out /tmp/asset.json --settings '{"kind": "backbone", "model": "resnet18"}'

The one stage that uses the network. The record holds the digests of the files, not their place.
"""

from pathlib import Path

from weightscape.data import readers
from weightscape.data.fetch_settings import FetchSettings
from weightscape.formats import cache
from weightscape.formats.typed import to_json
from weightscape.provenance.records import write_record
from weightscape.stages import _program

STAGE = "fetch"


def main(argv: list[str] | None = None) -> None:
    """Fill the cache and write the record --out."""
    parser = _program.arguments_of(STAGE, __doc__, FetchSettings)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    modules = readers.of_fetch(to_json(arguments.settings))
    code = _program.Code(STAGE, arguments.code, *modules)
    cache.set_up(network=True)
    facts = readers.imported(modules[0]).fetch(arguments.settings)
    code.check()
    write_record(
        arguments.out.parent,
        name=arguments.out.stem,
        stage=STAGE,
        settings=arguments.settings,
        code=code.digest,
        inputs=[],
        outputs=[],
        facts=facts,
    )
    print(f"fetched {arguments.settings}")


if __name__ == "__main__":
    _program.run(main)
