"""Stage 3: the list of training items of one condition and seed.

    python -m weightscape.stages.assemble --train results/*_data/digits/train/shard-00000.safetensors \
        --out /tmp/items \
        --settings '{"change": {"kind": "mislabel", "share": 0.2, "recipe": null, "choice": null}, \
        "seed": 1}'
"""

import importlib
from pathlib import Path

import numpy as np

from weightscape.assemble.items import assemble, real_items, summary, synthetic_items
from weightscape.assemble.settings import CHOOSER, AssembleSettings
from weightscape.errors import UserError
from weightscape.formats.json_yaml import read_json
from weightscape.formats.tables import write_table
from weightscape.formats.tensors import read_tensors
from weightscape.provenance.records import read_record, results_of
from weightscape.stages import _program


def main(argv: list[str] | None = None) -> None:
    """Write items.parquet, manifest and provenance into --out."""
    program = _program.Program("assemble", __doc__, AssembleSettings)
    program.add_argument("--train", type=Path, nargs="+", required=True, help="shards of the real training set")
    program.add_argument("--synthetic", type=Path, nargs="*", default=[], help="shards of the generator")
    program.add_argument("--extra", type=Path, nargs="*", default=[], help="shards of further real images")
    program.add_argument("--quality", type=Path, nargs="*", default=[], help="record of the generator's quality")
    program.add_argument("--weights", type=Path, nargs="*", default=[], help="of the network that images are chosen by")
    program.add_argument("--out", type=Path, required=True)
    arguments = program.start(argv, lambda parsed: (CHOOSER,) if parsed.settings.change.choice else ())
    settings: AssembleSettings = arguments.settings
    for record in arguments.quality:
        check_generator(record, settings.change.recipe)
    real = real_items(arguments.train)
    assert real is not None
    extra = real_items(arguments.extra, "extra")
    classes = read_record(arguments.train[0].parent / "manifest.json")["facts"]["classes"]
    chooser = None
    if settings.change.choice is not None:
        module = importlib.import_module(f"weightscape.{CHOOSER}")
        weights = read_tensors(arguments.weights[0]) if arguments.weights else {}
        chooser = module.DiversityChooser(settings.change.choice, results_of(arguments.train[0]), weights, len(classes))
    items = assemble(
        real,
        synthetic_items(arguments.synthetic) if extra is None else extra,
        settings.change,
        np.random.default_rng(settings.seed),
        classes,
        chooser,
    )
    path = arguments.out / "items.parquet"
    write_table(path, items)
    program.check()
    program.record(
        arguments.out,
        inputs=[*arguments.train, *arguments.synthetic, *arguments.extra, *arguments.weights],
        outputs=[path],
        facts={**summary(items), **(chooser.facts if chooser else {})},
    )
    print(summary(items))


def check_generator(record: Path, recipe: str | None) -> None:
    """A `UserError` if the record of `measure_quality` refuses the recipe, with the fault that it found."""
    refused = read_record(record)["facts"]["refused"]
    for row in read_json(record.with_name("quality.json")):
        if row["recipe"] == recipe and recipe in refused:
            raise UserError(
                f"recipe {recipe} of generator {row['generator']} has failed: {row['failed']}; train the generator for "
                "more steps or choose another, take the families that draw from it out of study.families, or set "
                "generate.quality.below_floor to train"
            )


if __name__ == "__main__":
    _program.run(main)
