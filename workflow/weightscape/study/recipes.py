"""Recipes: what a generator is asked for. Each has a name, a guidance, a number of images, and may have prompts,
styles, a negative prompt or a strength of its own, in place of the pipeline's.
"""

import difflib
import itertools
from collections.abc import Iterable, Sequence

from weightscape.errors import UserError
from weightscape.study import Config

ASKED = ("prompts", "styles", "negative_prompt", "strength")
"""The settings of a pipeline that a recipe may replace."""

VARIES = "image_to_image"
"""The kind of generator that starts from real images, by a strength."""


def names(config: Config) -> list[str]:
    """The recipes of a study, in the order of the config."""
    return [recipe["name"] for recipe in config["generate"]["recipes"]]


def recipe(config: Config, name: str) -> Config:
    """One recipe, with the settings of the pipeline that it leaves as they are."""
    own = next(recipe for recipe in config["generate"]["recipes"] if recipe["name"] == name)
    return {key: config["generate"]["pipeline"][key] for key in ASKED} | own


def images_per_class(config: Config, name: str, dataset: str) -> int:
    """How many images of each class a recipe makes for a data set; 0 where it names none."""
    counts = recipe(config, name)["images_per_class"]
    return counts if isinstance(counts, int) else counts.get(dataset, 0)


def numbers(config: Config) -> tuple[str, ...]:
    """Names the numbers that may order the doses of a recipe."""
    return ("guidance", "strength") if config["generate"]["kind"] == VARIES else ("guidance",)


def check(config: Config) -> None:
    """A `UserError` names the first recipe that its generator cannot follow."""
    block, known = config["generate"], names(config)
    if block["gate"]["filter"] and block["gate"]["classifier"] == "none":
        raise UserError(
            "config: generate.gate.filter = true, but generate.gate.classifier = 'none' looks at no image: set it to "
            "judge or zero_shot, or filter to false"
        )
    twice = next((name for name in known if known.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"config: generate.recipes has the name {twice!r} twice; rename one")
    _check_guidance(config)
    _check_equal(config)
    for own in block["recipes"]:
        key = f"config: generate.recipes: {own['name']!r}"
        if block["kind"] != "ddpm":
            _check_texts(key, recipe(config, own["name"]))
        needs = {**dict.fromkeys(ASKED, ("text_to_image", VARIES)), "strength": (VARIES,)}
        for name, kinds in needs.items():
            if name in own and block["kind"] not in kinds:
                raise UserError(
                    f"{key} has {name}, which generate.kind = {block['kind']!r} does not use: remove it, or choose "
                    f"{' or '.join(kinds)}"
                )
        steps, strength = block["pipeline"]["steps"], recipe(config, own["name"])["strength"]
        if block["kind"] == VARIES and int(steps * strength) < 1:
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


def _check_texts(key: str, asked: Config) -> None:
    """Only {class} in a prompt has a meaning; other braces would be read as they stand."""
    texts = [prompt.replace("{class}", "") for prompt in asked["prompts"]]
    for text in (*texts, *asked["styles"], asked["negative_prompt"]):
        if "{" in text or "}" in text:
            raise UserError(
                f"{key} has braces in {text!r}: nothing but {{class}} in `prompts` is replaced; take them out"
            )


def _check_guidance(config: Config) -> None:
    """The model that is trained here learns images without a label only if labels are hidden from it."""
    if config["generate"]["kind"] != "ddpm" or config["generate"]["training"]["label_drop"]:
        return
    for own in config["generate"]["recipes"]:
        if own["guidance"] != 1:
            raise UserError(
                f"config: generate.recipes: {own['name']!r} has guidance {own['guidance']}, but "
                "generate.training.label_drop = 0 hides no label: raise that above 0, or set the guidance to 1"
            )


def _check_equal(config: Config) -> None:
    """No two recipes may ask for the same images under two names."""
    for first, second in itertools.combinations(names(config), 2):
        if _asked(config, first) != _asked(config, second):
            continue
        steps, text = config["generate"]["pipeline"]["steps"], ""
        if config["generate"]["kind"] == VARIES:
            strengths = [recipe(config, name)["strength"] for name in (first, second)]
            low, high = (steps_done(steps, strength) for strength in strengths)
            if low[0] != high[0] and low[1] != high[1]:
                continue
            text = f", as strengths {strengths[0]} and {strengths[1]} of {steps} steps are the same steps"
        raise UserError(
            f"config: generate.recipes: {first!r} and {second!r} give the same images{text}: remove one, or change its "
            "guidance (one of 1 or less is none), prompts, negative prompt or strength"
        )


def steps_done(steps: int, strength: float) -> tuple[int, int]:
    """The steps that a variation takes: most pipelines round down, those of flow matching up."""
    return int(steps * strength), steps - int(steps - min(steps * strength, steps))


def _asked(config: Config, name: str) -> tuple[object, ...]:
    """Everything that decides a recipe's images, but for its strength."""
    asked = recipe(config, name)
    guidance = float(asked["guidance"])
    if config["generate"]["kind"] == "ddpm":
        return (guidance,)
    texts = [tuple(map(_plain, asked[key])) for key in ("prompts", "styles")]
    texts = [each if len(set(each)) > 1 else each[:1] for each in texts]
    return max(guidance, 1.0), *texts, _plain(asked["negative_prompt"]) if guidance > 1 else ""


def _plain(text: str) -> str:
    """A text as tokenizers read it, most of which know no capitals and no further blanks."""
    return " ".join(text.split()).casefold()


def check_words(config: Config, classes: Iterable[Sequence[str] | None]) -> None:
    """Names in `class_words` must be classes of a data set, where those of all are known before they are read."""
    listed = list(classes)
    known = [name for each in listed for name in each or ()]
    unknown = next((name for name in config["generate"]["pipeline"]["class_words"] if name not in known), None)
    if unknown is None or None in listed:
        return
    near = difflib.get_close_matches(unknown, known, 1, 0.6)
    hint = f"did you mean {near[0]!r}?" if near else f"the data sets have {', '.join(known[:10])}"
    raise UserError(f"config: generate.pipeline.class_words has words for {unknown!r}, which is no class; {hint}")
