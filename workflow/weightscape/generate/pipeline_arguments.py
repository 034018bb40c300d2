"""Chooses the arguments of a pipeline of diffusers by its signature, so that nothing asked of it is passed over.

Guidance has several forms: `guidance_scale` as classifier-free guidance (Stable Diffusion), `true_cfg_scale` for it
beside a `guidance_scale` that only distilled networks read (FLUX, Qwen-Image), and `guidance_scale` as an input of a
distilled network (`guidance_embeds`, `time_cond_proj_dim`), which then has no use for a negative prompt. Pipelines of
two stages (Stable Cascade) are guided in the first, by `prior_guidance_scale`.
"""

import inspect
import math
from collections.abc import Iterable
from typing import Any

from weightscape.errors import UserError
from weightscape.generate.settings import PipelineSettings

GUIDANCE, TRUE_GUIDANCE, PRIOR_GUIDANCE = "guidance_scale", "true_cfg_scale", "prior_guidance_scale"
NEEDED = ("prompt", "num_inference_steps", "generator", "output_type")


def taken(pipe: Any) -> set[str]:
    """Names of the arguments that a pipeline takes."""
    parameters = inspect.signature(type(pipe).__call__).parameters.values()
    names = {parameter.name for parameter in parameters}
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
        names |= {*NEEDED, "negative_prompt", GUIDANCE, "height", "width", "image", "strength"}
    return names


def distilled(pipe: Any) -> bool:
    """Whether guidance is an input of the network, which then knows no negative prompt."""
    configs = [getattr(getattr(pipe, part, None), "config", {}) for part in ("transformer", "unet")]
    return any(config.get("guidance_embeds") or config.get("time_cond_proj_dim") is not None for config in configs)


def guidance_argument(pipe: Any) -> str | None:
    """The argument by which a pipeline is guided, if it has one."""
    names = taken(pipe)
    wanted = (GUIDANCE, TRUE_GUIDANCE) if distilled(pipe) else (TRUE_GUIDANCE, GUIDANCE)
    return next((name for name in (*wanted, PRIOR_GUIDANCE) if name in names), None)


def check_length(pipe: Any, model: str, texts: Iterable[str]) -> None:
    """Refuse a text that is longer than all that the pipeline reads of it, as its end would change nothing."""
    asked = inspect.signature(type(pipe).__call__).parameters.get("max_sequence_length")
    most = asked.default if asked and isinstance(asked.default, int) else math.inf
    parts = [part for name, part in pipe.components.items() if "tokenizer" in name and part is not None]
    readers = [getattr(part, "tokenizer", part) for part in parts]
    for text in dict.fromkeys(texts):
        read, tokens = max((min(most, reader.model_max_length), len(reader(text).input_ids)) for reader in readers)
        if tokens > read:
            raise UserError(
                f"pipeline {model} reads {read} of the {tokens} tokens of {text!r}: shorten generate.pipeline.prompts, "
                "styles, class_words or negative_prompt"
            )


def of_recipe(pipe: Any, settings: PipelineSettings, guidance: float, images: int) -> dict[str, Any]:
    """Guidance, negative prompt and size of a batch; a `UserError` names the first that the pipeline does not take."""
    names, key = taken(pipe), guidance_argument(pipe)
    title = f"pipeline {settings.model} ({type(pipe).__name__})"
    lacking = [name for name in NEEDED if name not in names]
    if lacking:
        raise UserError(f"{title} takes no {lacking[0]}, which every image needs: choose another pipeline")
    chosen: dict[str, Any] = {name: settings.size for name in ("height", "width") if name in names}
    if key is not None:
        chosen[key] = guidance
    elif guidance not in (0, 1):
        raise UserError(f"{title} takes no guidance, but a recipe has {guidance:g}: set it to 1 in generate.recipes")
    negative = settings.negative_prompt
    if negative and ("negative_prompt" not in names or distilled(pipe)):
        raise UserError(f"{title} takes no negative prompt, but a recipe has {negative!r}: set negative_prompt to ''")
    if "negative_prompt" in names and (negative or (key == TRUE_GUIDANCE and guidance > 1)):
        chosen["negative_prompt"] = [negative] * images  # true_cfg_scale acts only beside one, which may be empty
    return chosen


def of_variation(pipe: Any, settings: PipelineSettings, pictures: list[Any]) -> dict[str, Any]:
    """The images to start from and the strength, which the pipeline must take."""
    lacking = {"image", "strength"} - taken(pipe)
    if lacking:
        raise UserError(
            f"pipeline {settings.model} ({type(pipe).__name__}) takes no {' and no '.join(sorted(lacking))}: choose "
            "generate.kind = text_to_image, or another pipeline"
        )
    return {"image": pictures, "strength": settings.strength}
