"""Refuses the images of a recipe below the floor of quality, before networks are trained on them."""

from pathlib import Path

from weightscape.errors import UserError
from weightscape.formats.json_yaml import read_json
from weightscape.provenance.records import read_record


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
