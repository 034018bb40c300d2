"""Proves on one image, before a shard is made, that what a recipe asks of a pipeline acts (METHODS 7).

The image, the first that is not black, is made again by itself, which must repeat it, and with another prompt, another
guidance, without the negative prompt, at another strength and without LoRA weights; each must change it by more than
the mere repetition does.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from weightscape.errors import UserError
from weightscape.generate.pipeline import Asked, made
from weightscape.generate.settings import PipelineSettings

OTHER = "a blue circle on a white wall"
Member = tuple[int, int]
TRIES = 8
"""Members of a shard, evenly spread, of which one must give an image."""
REPEATED = 8
"""Mean change in grey levels up to which an image counts as repeated; the order of sums makes less than 1."""


def prove(pipe: Any, settings: PipelineSettings, asked: Asked, members: Sequence[Member]) -> dict[str, int]:
    """The largest change in grey levels, 0 to 255, that each setting makes; a `UserError` names one that makes none."""

    member = _shown(pipe, settings, asked, members)

    def image(settings: PipelineSettings = settings, asked: Asked = asked) -> np.ndarray:
        pictures, _ = made(pipe, settings, asked, [member])
        return np.asarray(pictures[0].convert("RGB"), np.int16)

    first, again = image(), image()
    if np.abs(again - first).mean() > REPEATED:
        raise UserError(
            f"pipeline {settings.model} ({type(pipe).__name__}) makes another image of the same noise, so that no "
            "image can be made again: choose another pipeline"
        )
    changed = {name: image(*variant) for name, variant in variants(settings, asked).items()}
    if settings.lora is not None:
        pipe.disable_lora()
        changed["lora"] = image()
        pipe.enable_lora()
    found = {name: int(np.abs(other - first).max()) for name, other in changed.items()}
    idle = [name for name, change in found.items() if change <= np.abs(again - first).max()]
    if idle:
        raise UserError(
            f"pipeline {settings.model} ({type(pipe).__name__}) gives the same image whatever the {idle[0]}: recipes "
            f"and doses that differ by it would be the same images; leave {idle[0]} as the pipeline has it (guidance "
            "1, negative_prompt '', lora null), or choose another pipeline"
        )
    return found


def _shown(pipe: Any, settings: PipelineSettings, asked: Asked, members: Sequence[Member]) -> Member:
    """The first of some members whose image is not black."""
    for member in members[:: -(-len(members) // TRIES)]:
        if made(pipe, settings, asked, [member])[1] == [False]:
            return member
    raise UserError(
        f"pipeline {settings.model} ({type(pipe).__name__}) makes black images, as a safety checker shows that refuses "
        f"them, and as numbers do that overflow in float16: change generate.pipeline.prompts, or dtype = "
        f"{settings.dtype!r} to float32 or bfloat16"
    )


def variants(settings: PipelineSettings, asked: Asked) -> dict[str, tuple[PipelineSettings, Asked]]:
    """The recipe with one setting changed at a time, where that setting has a meaning."""
    found = {"prompt": (replace(settings, prompts=(OTHER,), styles=("",)), asked)}
    if asked.guidance > 1:
        found["guidance"] = settings, replace(asked, guidance=2 * asked.guidance)
        if settings.negative_prompt:
            found["negative_prompt"] = replace(settings, negative_prompt=""), asked
    done = int(settings.steps * settings.strength)
    other = done + 2 if done + 2 <= settings.steps else done - 1  # differs however a pipeline rounds
    if asked.real is not None and other >= 1:
        found["strength"] = replace(settings, strength=other / settings.steps), asked
    return found
