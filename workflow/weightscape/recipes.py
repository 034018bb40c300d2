"""Recipes: what a generator is asked for. Each has a name, a guidance, a number of images, and may have prompts,
styles, a negative prompt or a strength of its own, in place of the pipeline's.
"""

from collections.abc import Mapping
from typing import Any

from weightscape.errors import UserError

Config = Mapping[str, Any]

ASKED = ("prompts", "styles", "negative_prompt", "strength")
"""The settings of a pipeline that a recipe may replace."""

NUMBERS = ("guidance", "strength")
"""What the doses of a recipe may be ordered by."""


def names(config: Config) -> list[str]:
    """The recipes of a study, in the order of the config."""
    return [recipe["name"] for recipe in config["generate"]["recipes"]]


def recipe(config: Config, name: str) -> dict[str, Any]:
    """One recipe, with the settings of the pipeline that it leaves as they are."""
    own = next(recipe for recipe in config["generate"]["recipes"] if recipe["name"] == name)
    return {key: config["generate"]["pipeline"][key] for key in ASKED} | own


def images_per_class(config: Config, name: str, dataset: str) -> int:
    """How many images of each class a recipe makes for a data set; 0 where it names none."""
    counts = recipe(config, name)["images_per_class"]
    return counts if isinstance(counts, int) else counts.get(dataset, 0)


def check(config: Config) -> None:
    """A `UserError` names the first recipe that its generator cannot follow."""
    block, known = config["generate"], names(config)
    twice = next((name for name in known if known.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"config: generate.recipes has the name {twice!r} twice; rename one")
    for own in block["recipes"]:
        key = f"config: generate.recipes: {own['name']!r}"
        needs = {**dict.fromkeys(ASKED, ("text_to_image", "image_to_image")), "strength": ("image_to_image",)}
        for name, kinds in needs.items():
            if name in own and block["kind"] not in kinds:
                raise UserError(
                    f"{key} has {name}, which generate.kind = {block['kind']!r} does not use: remove it, or choose "
                    f"{' or '.join(kinds)}"
                )
        steps, strength = block["pipeline"]["steps"], recipe(config, own["name"])["strength"]
        if block["kind"] == "image_to_image" and int(steps * strength) < 1:
            raise UserError(f"{key} has strength {strength}, which leaves none of {steps} steps: raise either")
        for dataset in config["study"]["datasets"]:
            if not images_per_class(config, own["name"], dataset):
                raise UserError(
                    f"{key} has no images_per_class for {dataset!r}; add it, or write one number for all data sets"
                )
            each = images_per_class(config, own["name"], dataset)
            if block["kind"] == "ddpm" and block["shards"] > each:
                raise UserError(
                    f"{key} has {each} images per class, which cannot fill generate.shards = {block['shards']}: lower "
                    f"that to {each} or less"
                )
