"""Loads a pipeline of diffusers: its scheduler, its LoRA weights, and the device that holds it."""

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from weightscape.errors import UserError, out_of_memory
from weightscape.formats import cache
from weightscape.formats.writing import digests
from weightscape.generate.encoded_prompts import EncodedPrompts
from weightscape.generate.settings import Pipeline, PipelineSettings

SPECIAL = 8  # words that a tokenizer without vocabulary may have: those for start, end, padding and the unknown
LCM = "LCMScheduler"
LOADERS = {"text_to_image": "AutoPipelineForText2Image", "image_to_image": "AutoPipelineForImage2Image"}


def load(source: Pipeline, device: torch.device) -> Any:
    """The pipeline on its device. float16 is for devices that compute in it: on a CPU float32 takes its place."""
    cache.set_up()
    import diffusers

    settings = source.pipeline
    dtype = torch.float32 if device.type == "cpu" else getattr(torch, settings.dtype)
    unchecked = {} if settings.safety_checker else {"safety_checker": None, "requires_safety_checker": False}
    try:
        with _missing_told() as missing:
            pipe = getattr(diffusers, LOADERS[source.kind]).from_pretrained(
                settings.model,
                revision=settings.revision,
                variant=settings.variant,
                torch_dtype=dtype,
                use_safetensors=True,
                **unchecked,
            )
    except Exception as error:  # the loaders raise errors of many kinds at broken folders
        raise out_of_memory(error) or UserError(
            f"pipeline {settings.model} cannot be loaded ({error!s:.300}): name a folder or hub id of diffusers for "
            f"{source.kind} with safetensors weights, and let the rule `fetch` download it"
        ) from None
    if missing:
        raise UserError(
            f"pipeline {settings.model} lacks {len(missing)} tensors of its networks, as {missing[0]}, which would be "
            "random: save or download it again"
        )
    _check_inputs(pipe, settings)
    _set_scheduler(pipe, settings)
    if settings.lora is not None:
        _add_lora(pipe, settings.lora)
    # transformers makes one of two special tokens, without a word, where the files are missing
    if not any("tokenizer" in name and part and _words(part) > SPECIAL for name, part in pipe.components.items()):
        raise UserError(f"pipeline {settings.model} has no tokenizer for its prompts: name a whole one")
    if settings.safety_checker and getattr(pipe, "safety_checker", None) is None:
        raise UserError(f"pipeline {settings.model} has no safety checker: set pipeline.safety_checker to false")
    pipe.set_progress_bar_config(disable=True)
    if hasattr(pipe, "encode_prompt"):
        pipe.encode_prompt = EncodedPrompts(pipe.encode_prompt)
    return _placed(pipe, settings.offload, device)


@contextlib.contextmanager
def _missing_told() -> Iterator[list[str]]:
    """Lists the tensors that the networks loaded meanwhile lack; their loaders only log that these will be random."""
    from diffusers.models.modeling_utils import ModelMixin
    from transformers import PreTrainedModel

    missing: list[str] = []

    def from_pretrained(own: Any, kind: Any, *words: Any, **options: Any) -> Any:
        network, told = own(kind, *words, **{**options, "output_loading_info": True})
        missing.extend(f"{kind.__name__}.{name}" for name in sorted(told["missing_keys"]))
        return network

    with contextlib.ExitStack() as stack:
        for base in (ModelMixin, PreTrainedModel):
            wrapped = classmethod(functools.partial(from_pretrained, vars(base)["from_pretrained"].__func__))
            stack.enter_context(mock.patch.object(base, "from_pretrained", wrapped))
        yield missing


def _check_inputs(pipe: Any, settings: PipelineSettings) -> None:
    """Refuse a pipeline that needs further images: a ControlNet, or a U-Net of more channels than its latents have."""
    unet, vae = (getattr(getattr(pipe, part, None), "config", {}) for part in ("unet", "vae"))
    read, made = unet.get("in_channels"), vae.get("latent_channels")
    further = read is not None and made is not None and read != made
    if further or "controlnet" in pipe.components:
        why = f"its U-Net reads {read} channels beside latents of {made}" if further else "it has a ControlNet"
        raise UserError(
            f"pipeline {settings.model} ({type(pipe).__name__}) needs a mask or another image beside each prompt, as "
            f"{why}: choose a pipeline without these, such as the one that it was made from"
        )


def _words(tokenizer: Any) -> int:
    """How many words a tokenizer knows, also as a part of a processor."""
    return len(getattr(tokenizer, "tokenizer", tokenizer))


def _set_scheduler(pipe: Any, settings: PipelineSettings) -> None:
    """Put the scheduler that is asked for in place of the pipeline's, if it solves the same equation.

    Schedulers state that by name; LCM's, which states nothing, solves the equation of DDIM's. Models of flow matching
    have no other scheduler.
    """
    if settings.scheduler == "default":
        return
    import diffusers

    own, asked = pipe.scheduler, getattr(diffusers, settings.scheduler)
    names = {each.__name__ for each in own.compatibles}
    fits = settings.scheduler in names or (settings.scheduler == LCM and "DDIMScheduler" in names)
    if not fits or own.config.get("prediction_type") == "flow_prediction" or own.config.get("use_flow_sigmas"):
        raise UserError(
            f"generate.pipeline.scheduler = {settings.scheduler!r} cannot follow the model {settings.model}, whose own "
            f"is {type(own).__name__}: set it to default"
        )
    pipe.scheduler = asked.from_config(own.config)


def _add_lora(pipe: Any, folder: str) -> None:
    """Add LoRA weights; each of their tensors must find its place, and some must change their layer."""
    try:
        state = pipe.lora_state_dict(folder, use_safetensors=True)
        tensors = state[0] if isinstance(state, tuple) else state
        pipe.load_lora_weights(folder, use_safetensors=True)
    except Exception as error:  # weights of another network raise errors of many kinds
        raise out_of_memory(error) or UserError(
            f"LoRA weights in generate.pipeline.lora = {folder!r} cannot be loaded ({error!s:.300}): name a folder "
            "that save_lora_weights wrote for this pipeline"
        ) from None
    given = sum(not name.endswith("alpha") for name in tensors)
    placed = _lora_parameters(pipe)
    title = f"LoRA weights in generate.pipeline.lora = {folder!r}"
    if not placed or len(placed) != given:
        raise UserError(
            f"{title} have {given} tensors, of which {type(pipe).__name__} takes {len(placed)}: name a folder that "
            "save_lora_weights wrote for this pipeline"
        )
    if not any(tensor.any() for name, tensor in placed.items() if ".lora_A." not in name):
        raise UserError(f"{title} are zero and change nothing: train them, or set null")


def _lora_parameters(pipe: Any) -> dict[str, torch.Tensor]:
    """The tensors of LoRA in all parts of a pipeline."""
    parts = [(name, part) for name, part in pipe.components.items() if isinstance(part, torch.nn.Module)]
    return {f"{name}.{key}": value for name, part in parts for key, value in part.named_parameters() if "lora_" in key}


def _placed(pipe: Any, offload: str, device: torch.device) -> Any:
    """The pipeline on its device, whole, or by parts that come from the CPU's memory when they are needed."""
    if offload == "none" or device.type == "cpu":
        return pipe.to(device)
    if offload == "model":
        pipe.enable_model_cpu_offload(device=device)
    else:
        pipe.enable_sequential_cpu_offload(device=device)
    return pipe


def lora_digests(folder: str | None) -> dict[str, str]:
    """sha256 of the LoRA weights by file name."""
    return {} if folder is None else digests(Path(folder), Path(folder).glob("*.safetensors"))
