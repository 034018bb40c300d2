"""Pipelines of several makers, tiny and random: all that is asked of them acts, or is refused in one sentence."""

import functools
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from unit.generate import chosen, tiny_families
from unit.generate.tiny_models import stable_diffusion
from weightscape.data.decoding import Form
from weightscape.errors import UserError
from weightscape.formats.shards import ImageSet
from weightscape.generate import pipeline
from weightscape.generate.pipeline_arguments import check_length, guidance_argument
from weightscape.generate.proof_of_action import prove
from weightscape.generate.settings import PipelineSettings

pytestmark = pytest.mark.filterwarnings("ignore")  # of diffusers and transformers, about their own versions
CPU = torch.device("cpu")
TEXT, VARIATION = pipeline.TEXT, pipeline.VARIATION
MAKERS: dict[str, Callable[[Path], Path]] = {
    "sd": stable_diffusion,
    "sdxl": tiny_families.sdxl,
    "sd3": tiny_families.sd3,
    "dev": lambda folder: tiny_families.flux(folder, True),
    "schnell": lambda folder: tiny_families.flux(folder, False),
    "qwen": tiny_families.qwen,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("families")
    return functools.cache(lambda name: MAKERS[name](root / name))


def settings(folder: Path, **more: Any) -> PipelineSettings:
    return replace(
        chosen.pipeline(model=str(folder), size=16, steps=4, dtype="float32", strength=0.5, batch_size=4), **more
    )


def asked(guidance: float = 3.0, kind: str = TEXT) -> pipeline.Asked:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 3, 16, 16), np.uint8)
    return pipeline.Asked(
        ["cat", "dog"], guidance, 5, ImageSet(pixels, np.arange(4) % 2) if kind == VARIATION else None
    )


def load(chosen_settings: PipelineSettings, kind: Any = TEXT) -> Any:
    return pipeline.load(chosen.of_pipeline(chosen_settings, kind), CPU)


@pytest.mark.parametrize("kind", [TEXT, VARIATION])
@pytest.mark.parametrize(
    ("name", "argument"),
    [
        ("sd", "guidance_scale"),
        ("sdxl", "guidance_scale"),
        ("sd3", "guidance_scale"),
        ("dev", "guidance_scale"),
        ("schnell", "true_cfg_scale"),
        ("qwen", "true_cfg_scale"),
    ],
)
def test_all_that_a_recipe_asks_acts(folder: Callable[[str], Path], name: str, argument: str, kind: str) -> None:
    wanted = settings(folder(name), negative_prompt="" if name == "dev" else "text")
    pipe = load(wanted, kind)
    assert guidance_argument(pipe) == argument
    found = prove(pipe, wanted, asked(kind=kind), [(0, 0)])
    assert min(found.values()) >= 1
    negative, strength = {"negative_prompt"} - ({"negative_prompt"} if name == "dev" else set()), {"strength"}
    assert set(found) == {"prompt", "guidance"} | negative | (strength if kind == VARIATION else set())


@pytest.mark.parametrize("name", ["sdxl", "schnell", "qwen"])
def test_step_distilled_pipelines_work_without_guidance(folder: Callable[[str], Path], name: str) -> None:
    wanted = settings(folder(name), steps=2)
    pipe, form = load(wanted), Form(16, 3, pixel_limit=10_000)
    assert set(prove(pipe, wanted, asked(0.0), [(0, 0)])) == {"prompt"}
    parts = list(pipeline.sample(pipe, wanted, asked(0.0), [(0, 0), (0, 1), (1, 0)], form))
    assert len(np.unique(parts[0][0].images.reshape(3, -1), axis=0)) == 3


def test_each_prompt_is_encoded_once(folder: Callable[[str], Path]) -> None:
    pipe = load(settings(folder("sd")))
    calls: list[int] = []
    encode = pipe.encode_prompt.encode
    pipe.encode_prompt.encode = lambda **named: calls.append(1) or encode(**named)
    members = [(label, index) for label in (0, 1) for index in range(6)]
    list(pipeline.sample(pipe, settings(folder("sd")), asked(), members, Form(16, 3, pixel_limit=10_000)))
    assert len(calls) == 2  # one for each class


@pytest.mark.parametrize("name", ["sd", "sdxl", "sd3", "schnell", "qwen"])
def test_prompts_kept_give_the_images_of_diffusers(folder: Callable[[str], Path], name: str) -> None:
    from diffusers import DiffusionPipeline

    plain: Any = DiffusionPipeline.from_pretrained(folder(name), safety_checker=None)
    wanted = settings(folder(name))
    pipe = load(wanted)
    text = [pipeline.prompt(wanted, each, 5, 0, 0) for each in ("cat", "an elephant", "cat")]
    seeds = [torch.Generator().manual_seed(k) for k in range(3)]
    options = {"num_inference_steps": 3, "height": 16, "width": 16, "output_type": "np"}
    kept = pipe(prompt=text, generator=seeds, **options).images
    seeds = [torch.Generator().manual_seed(k) for k in range(3)]
    np.testing.assert_allclose(kept, plain(prompt=text, generator=seeds, **options).images, atol=1e-4)


def of_class(folder: Path, out: Path, name: str) -> Path:
    """A copy of a pipeline that says to be of another class, with the networks that this class reads."""
    from diffusers import ControlNetModel, UNet2DConditionModel

    shutil.copytree(folder, out)
    index = json.loads((out / "model_index.json").read_text()) | {"_class_name": name}
    if "ControlNet" in name:
        unet = UNet2DConditionModel.from_pretrained(out / "unet")
        ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(8, 16)).save_pretrained(out / "controlnet")
        index["controlnet"] = ["diffusers", "ControlNetModel"]
    elif "Inpaint" in name:
        config: Any = UNet2DConditionModel.load_config(out / "unet")
        UNet2DConditionModel.from_config({**config, "in_channels": 9}).save_pretrained(out / "unet")
    (out / "model_index.json").write_text(json.dumps(index))
    return out


@pytest.mark.parametrize("kind", [TEXT, VARIATION])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("StableDiffusionInpaintPipeline", r"needs a mask or .* reads 9 channels beside latents of 4: choose"),
        ("StableDiffusionControlNetPipeline", r"needs a mask or another image .* as it has a ControlNet"),
        ("StableDiffusionControlNetImg2ImgPipeline", r"needs a mask .* as it has a ControlNet"),
        ("StableDiffusionUpscalePipeline", r"linked to .*: name a folder or hub id of diffusers for"),
        ("WanPipeline", r"linked to WanPipeline .*: name a folder .* for (text|image)_to_image"),
        ("AudioLDM2Pipeline", r"linked to AudioLDM2Pipeline .*: name a folder or hub id of diffusers for"),
    ],
)
def test_a_pipeline_that_needs_or_makes_something_else_is_refused(
    folder: Callable[[str], Path], tmp_path: Path, name: str, message: str, kind: str
) -> None:
    place = of_class(folder("sd"), tmp_path / "other", name)
    with pytest.raises(UserError, match=message):
        load(settings(place), kind)


@pytest.mark.parametrize("kind", [TEXT, VARIATION])
@pytest.mark.parametrize("name", ["StableDiffusionImg2ImgPipeline", "StableDiffusionPipeline"])
def test_the_same_weights_serve_text_and_variations(
    folder: Callable[[str], Path], tmp_path: Path, name: str, kind: str
) -> None:
    wanted = settings(of_class(folder("sd"), tmp_path / "other", name))
    assert min(prove(load(wanted, kind), wanted, asked(kind=kind), [(0, 0)]).values()) >= 1


@pytest.mark.parametrize("scheduler", ["DPMSolverMultistepScheduler", "DDIMScheduler", "LCMScheduler"])
@pytest.mark.parametrize("name", ["sd3", "schnell", "qwen"])
def test_a_scheduler_of_another_equation_is_refused(folder: Callable[[str], Path], name: str, scheduler: str) -> None:
    with pytest.raises(UserError, match=f"scheduler = '{scheduler}' cannot follow .* is FlowMatchEuler.*: set it to"):
        load(settings(folder(name), scheduler=scheduler))


@pytest.mark.parametrize("scheduler", ["LCMScheduler", "UniPCMultistepScheduler", "DPMSolverMultistepScheduler"])
def test_a_scheduler_of_the_same_equation_is_taken(folder: Callable[[str], Path], scheduler: str) -> None:
    assert type(load(settings(folder("sd"), scheduler=scheduler)).scheduler).__name__ == scheduler


def test_a_negative_prompt_that_a_distilled_network_cannot_use_is_refused(folder: Callable[[str], Path]) -> None:
    wanted = settings(folder("dev"), negative_prompt="text")
    with pytest.raises(UserError, match=r"\(FluxPipeline\) takes no negative prompt, but a recipe has 'text'"):
        prove(load(wanted), wanted, asked(), [(0, 0)])


class Blind:
    """A pipeline that takes guidance and does nothing with it."""

    def __call__(self, prompt: list[str], guidance_scale: float = 1.0, generator: Any = None, **_: Any) -> Any:
        from types import SimpleNamespace

        from PIL import Image

        return SimpleNamespace(images=[Image.new("RGB", (16, 16), (1 + hash(text) % 255,) * 3) for text in prompt])


class Plain(Blind):
    """A pipeline without guidance and without variations."""

    def __call__(self, prompt: list[str], num_inference_steps: int, generator: Any, output_type: str) -> Any:  # type: ignore[override]
        return super().__call__(prompt)


def test_guidance_that_does_not_act_is_named() -> None:
    with pytest.raises(UserError, match=r"\(Blind\) gives the same image whatever the guidance"):
        prove(Blind(), settings(Path()), asked(), [(0, 0)])


class Odd(Blind):
    """A pipeline whose first images are black, refused by a checker or not, or that forgets what its seed gave."""

    def __init__(self, black: int, flagged: bool = False, forgets: bool = False) -> None:
        self.black, self.flagged, self.forgets, self.made = black, flagged, forgets, 0

    def __call__(self, prompt: list[str], guidance_scale: float = 1.0, generator: Any = None, **_: Any) -> Any:  # type: ignore[override]
        from types import SimpleNamespace

        from PIL import Image

        self.made += 1
        level = 0 if self.made <= self.black else 40 * self.made % 250 if self.forgets else len(prompt[0])
        picture = Image.new("RGB", (16, 16), (level,) * 3)
        return SimpleNamespace(images=[picture], nsfw_content_detected=[self.flagged and not level])


@pytest.mark.parametrize("flagged", [False, True])
def test_a_setting_is_proved_by_the_first_image_that_is_not_black(flagged: bool) -> None:
    members = [(label, index) for label in (0, 1) for index in range(20)]
    with pytest.raises(UserError, match=r"\(Odd\) gives the same image whatever the guidance"):
        prove(Odd(7, flagged), settings(Path()), asked(), members)
    with pytest.raises(UserError, match=r"\(Odd\) makes black images, .* or dtype = 'float32' to float32 or bfloat16"):
        prove(Odd(99, flagged), settings(Path()), asked(), members)


def test_images_that_do_not_follow_from_their_seed_are_refused() -> None:
    with pytest.raises(UserError, match=r"\(Odd\) makes another image of the same noise"):
        prove(Odd(0, forgets=True), settings(Path()), asked(), [(0, 0)])


@pytest.mark.parametrize(("name", "read"), [("sd", 77), ("sdxl", 77), ("sd3", 77)])
def test_a_text_whose_end_is_not_read_is_refused(folder: Callable[[str], Path], name: str, read: int) -> None:
    pipe = load(settings(folder(name)))
    check_length(pipe, "m", ["a cat", "", "a " * 30])
    with pytest.raises(UserError, match=rf"pipeline m reads {read} of the \d+ tokens of 'a a .*: shorten"):
        check_length(pipe, "m", ["a cat", "a " * 200])


def test_what_a_pipeline_does_not_take_is_refused() -> None:
    with pytest.raises(UserError, match=r"\(Plain\) takes no guidance, but a recipe has 3: set it to 1"):
        prove(Plain(), settings(Path()), asked(), [(0, 0)])
    with pytest.raises(UserError, match=r"\(Plain\) takes no image and no strength: choose generate.kind = text_to_im"):
        prove(Plain(), settings(Path()), asked(1.0, VARIATION), [(0, 0)])
    with pytest.raises(UserError, match=r"\(Plain\) takes no negative prompt"):
        prove(Plain(), settings(Path(), negative_prompt="text"), asked(1.0), [(0, 0)])


def test_a_size_that_the_pipeline_rounds_is_said(folder: Callable[[str], Path]) -> None:
    wanted = settings(folder("schnell"), size=18)
    with pytest.raises(UserError, match=r"makes images of 16 x 16 px if asked for 18"):
        prove(load(wanted), wanted, asked(), [(0, 0)])


def lora(folder: Path, out: Path, **changes: Any) -> Path:
    """LoRA weights for a tiny Stable Diffusion, as `save_lora_weights` writes them; `changes` alters them."""
    from diffusers import StableDiffusionPipeline, UNet2DConditionModel
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict
    from safetensors.torch import load_file, save_file

    unet = UNet2DConditionModel.from_pretrained(folder, subfolder="unet")
    unet.add_adapter(LoraConfig(r=2, init_lora_weights="gaussian", target_modules=["to_q", "to_k", "to_v"]))
    for name, parameter in unet.named_parameters():
        if "lora_B" in name and not changes.get("zero"):
            torch.nn.init.normal_(parameter)
    StableDiffusionPipeline.save_lora_weights(out, unet_lora_layers=get_peft_model_state_dict(unet))
    path = next(out.glob("*.safetensors"))
    save_file({changes.get("rename", str)(name): value for name, value in load_file(path).items()}, path)
    return out


RENAMED: dict[str, Callable[[str], str]] = {
    "of another network": lambda name: name.replace("unet.", "transformer."),
    "without the prefix": lambda name: name.removeprefix("unet."),
    "as peft writes them": lambda name: name.replace("unet.", "base_model.model."),
    "half of another network": lambda name: name.replace("up_blocks", "further_blocks"),
}


@pytest.mark.parametrize("case", RENAMED)
def test_lora_weights_of_which_some_find_no_place_are_refused(
    folder: Callable[[str], Path], tmp_path: Path, case: str
) -> None:
    place = lora(folder("sd"), tmp_path / "lora", rename=RENAMED[case])
    with pytest.raises(UserError, match=r"LoRA weights in generate.pipeline.lora = .*save_lora_weights wrote for this"):
        load(settings(folder("sd"), lora=str(place)))


def test_lora_weights_that_fit_act_and_zeros_are_refused(folder: Callable[[str], Path], tmp_path: Path) -> None:
    wanted = settings(folder("sd"), lora=str(lora(folder("sd"), tmp_path / "lora")))
    assert prove(load(wanted), wanted, asked(), [(0, 0)])["lora"] > 1
    zero = lora(folder("sd"), tmp_path / "zero", zero=True)
    with pytest.raises(UserError, match="are zero and change nothing: train them, or set null"):
        load(settings(folder("sd"), lora=str(zero)))
