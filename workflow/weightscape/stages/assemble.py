"""Stage 3: the list of training items of one condition and seed.

    python -m weightscape.stages.assemble --train results/1_data/digits/train/shard-00000.safetensors \
        --out /tmp/items --settings '{"family": "label_noise", "dose": "a", "values": {"share": 0.2}, "seed": 1}'
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from weightscape import program
from weightscape.files import write_table
from weightscape.frames import Table
from weightscape.images import read_indices, read_labels
from weightscape.items import assemble, listed, summary
from weightscape.records import place, read_record, write_record

STAGE = "assemble"


def real_items(shards: Sequence[Path], origin: str = "real") -> Table | None:
    """Items of a split of real images."""
    tables, first = [], 0
    for path in shards:
        labels = read_labels(path)
        tables.append(listed(place(path), labels, origin, first=first))
        first += len(labels)
    return pd.concat(tables, ignore_index=True) if tables else None


def synthetic_items(shards: Sequence[Path]) -> Table | None:
    """Items of the generator's shards, whose origin stands in the record beside each."""
    tables = []
    for path in shards:
        facts = read_record(path.with_suffix(".json"))["facts"]
        table = listed(place(path), read_labels(path), facts["generator"], facts["recipe"])
        table["number"] = read_indices(path, facts["first"])
        tables.append(table)
    if not tables:
        return None
    # one order, however many shards there are: runs draw by the row of an item
    return pd.concat(tables).sort_values(["label", "number"], kind="stable", ignore_index=True)


def main(argv: list[str] | None = None) -> None:
    """Write items.parquet, manifest and provenance into --out."""
    parser = program.arguments_of(STAGE, __doc__)
    parser.add_argument("--train", type=Path, nargs="+", required=True, help="shards of the real training set")
    parser.add_argument("--synthetic", type=Path, nargs="*", default=[], help="shards of the generator")
    parser.add_argument("--extra", type=Path, nargs="*", default=[], help="shards of further real images")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    code = program.Code(STAGE, arguments.code)
    settings = arguments.settings
    real = real_items(arguments.train)
    assert real is not None
    extra = real_items(arguments.extra, "extra")
    items = assemble(
        real,
        synthetic_items(arguments.synthetic) if extra is None else extra,
        settings["family"],
        settings["values"],
        np.random.default_rng(settings["seed"]),
        read_record(arguments.train[0].parent / "manifest.json")["facts"]["classes"],
    )
    path = arguments.out / "items.parquet"
    write_table(path, items)
    code.check()
    write_record(
        arguments.out,
        stage=STAGE,
        settings=settings,
        code=code.digest,
        inputs=[*arguments.train, *arguments.synthetic, *arguments.extra],
        outputs=[path],
        facts=summary(items),
    )
    print(summary(items))


if __name__ == "__main__":
    program.run(main)
