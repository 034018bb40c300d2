"""Stage 1: a download into the cache (see `formats.cache`), or a check of what lies there or in a folder already.

    python -m weightscape.stages.fetch --out /tmp/asset.json --settings '{"kind": "backbone", "model": "resnet18"}'

The one stage that uses the network. The record holds the digests of the files, not their place.
"""

from pathlib import Path

from weightscape.data import readers
from weightscape.data.fetch_settings import FetchSettings
from weightscape.formats import cache
from weightscape.formats.typed import to_json
from weightscape.stages import _program


def main(argv: list[str] | None = None) -> None:
    """Fill the cache and write the record --out."""
    program = _program.Program("fetch", __doc__, FetchSettings)
    program.add_argument("--out", type=Path, required=True)
    arguments = program.start(argv, lambda arguments: readers.of_fetch(to_json(arguments.settings)))
    cache.set_up(network=True)
    facts = readers.imported(program.modules[0]).fetch(arguments.settings)
    program.check()
    program.record(arguments.out.parent, name=arguments.out.stem, inputs=[], outputs=[], facts=facts)
    print(f"fetched {arguments.settings}")


if __name__ == "__main__":
    _program.run(main)
