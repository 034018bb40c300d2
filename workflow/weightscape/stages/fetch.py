"""Stage 1: a download into the cache (see `weightscape.cache`), or a check of what lies there or in a folder already.

    python -m weightscape.stages.fetch --out /tmp/asset.json --settings '{"kind": "backbone", "model": "resnet18"}'

The one stage that uses the network. The record holds the digests of the files, not their place.
"""

from pathlib import Path

from weightscape import program
from weightscape.fetching import fetch
from weightscape.records import write_record

STAGE = "fetch"


def main(argv: list[str] | None = None) -> None:
    """Fill the cache and write the record --out."""
    parser = program.arguments_of(STAGE, __doc__)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    code = program.Code(STAGE, arguments.code)
    facts = fetch(arguments.settings)
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
    program.run(main)
