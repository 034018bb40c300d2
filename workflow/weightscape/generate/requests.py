"""Which images a shard holds, what each is asked for, and where its randomness comes from.

The images of one guidance are numbered class by class; shards are stretches of nearly equal length of that order, so
that any number of devices takes any number of shards. Prompt, noise and source image of an image follow from (seed,
class, index) alone, whatever its shard.
"""

from collections.abc import Mapping, Sequence

from weightscape.generate.settings import PipelineSettings
from weightscape.seeds import seed as named_seed


def members(classes: int, per_class: int, shard: int, shards: int) -> list[tuple[int, int]]:
    """(label, index) of the images of one of `shards` shards."""
    total = classes * per_class
    first, last = (round(total * (shard + k) / shards) for k in (0, 1))
    return [divmod(number, per_class) for number in range(first, last)]


def prompt(settings: PipelineSettings, name: str, seed: int, label: int, index: int) -> str:
    """The text for one image: a template and a style of their own draws, with the class's name in words."""
    words = in_words(settings.class_words, name)
    template = _drawn(settings.prompts, seed, "prompt", label, index)
    style = _drawn(settings.styles, seed, "style", label, index)
    return template.replace("{class}", words) + (f", {style}" if style else "")


def in_words(class_words: Mapping[str, str], name: str) -> str:
    """A class's name as a text has it: the words that the config gives for it, or its parts."""
    return class_words.get(name, name.replace("_", " ").replace("-", " "))


def noise_seed(seed: int, label: int, index: int) -> int:
    """The seed of an image's noise; the same at every guidance, so that guidances can be compared in pairs."""
    return named_seed(seed, "pipeline", "noise", label, index)


def source_row(rows: Sequence[int], seed: int, label: int, index: int) -> int:
    """The real image that a variation starts from, of the rows of its class."""
    return int(rows[named_seed(seed, "pipeline", "source", label, index) % len(rows)])


def _drawn(choices: Sequence[str], seed: int, stream: str, label: int, index: int) -> str:
    return choices[named_seed(seed, "pipeline", stream, label, index) % len(choices)]
