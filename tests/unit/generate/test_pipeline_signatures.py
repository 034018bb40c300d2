"""Pipelines of any signature: what is asked of one is passed on and acts, or a sentence says what it does not take."""

import inspect
import zlib
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from unit.generate import chosen
from weightscape.errors import UserError
from weightscape.formats.shards import ImageSet
from weightscape.generate.pipeline import Asked
from weightscape.generate.proof_of_action import prove

NEEDED = ["prompt", "num_inference_steps", "generator", "output_type"]
GUIDANCES = ["guidance_scale", "true_cfg_scale", "prior_guidance_scale"]
OTHERS = [*GUIDANCES, "negative_prompt", "height", "width", "image", "strength", "control_image"]
NAMES = st.lists(st.sampled_from(OTHERS), unique=True)


def pipeline(names: list[str], acting: list[str]) -> Any:
    """A pipeline that takes these arguments alone, and whose images depend on those that act."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature([inspect.Parameter(name, kind, default=None) for name in ("self", *names)])

    def call(self: Any, **options: Any) -> Any:
        given = signature.bind(self, **options).arguments
        images = []
        for place in range(len(given["prompt"])):
            of_image = {name: value[place] if type(value) is list else value for name, value in given.items()}
            of_image["generator"] = of_image["generator"].initial_seed()
            values = (of_image.get(name) for name in ("generator", *acting))
            text = repr([value.tobytes() if isinstance(value, Image.Image) else value for value in values])
            images.append(Image.new("RGB", (16, 16), zlib.crc32(text.encode()) & 0xFFFFFF | 1))
        return SimpleNamespace(images=images)

    call.__signature__ = signature  # type: ignore[attr-defined]
    return type("Drawn", (), {"__call__": call})()


@given(
    lacking=st.none() | st.sampled_from(NEEDED),
    names=NAMES,
    idle=st.lists(st.sampled_from([*OTHERS, "prompt"]), unique=True, max_size=3),
    guidance=st.sampled_from([0.0, 1.0, 3.0]),
    negative=st.sampled_from(["", "text"]),
    varied=st.booleans(),
)
def test_what_is_asked_acts_or_is_refused(
    lacking: str | None, names: list[str], idle: list[str], guidance: float, negative: str, varied: bool
) -> None:
    taken = [name for name in NEEDED if name != lacking] + names
    acting = [name for name in ("prompt", *names) if name not in idle]
    real = ImageSet(np.zeros((2, 3, 16, 16), np.uint8), np.arange(2)) if varied else None
    settings = chosen.pipeline(model="drawn", size=16, negative_prompt=negative, steps=10, strength=0.5)
    guide = next((name for name in ("true_cfg_scale", "guidance_scale", "prior_guidance_scale") if name in names), "")
    wanted = {"prompt"} | ({guide} if guidance > 1 else set()) | ({"negative_prompt"} if negative else set())
    wanted |= {"image", "strength"} if varied else set()
    idle_ones = {"image"} | (set() if guidance > 1 else {"negative_prompt"})  # whether these act is not looked at
    good = lacking is None and wanted <= set(taken) and wanted - idle_ones <= set(acting)
    try:
        found = prove(pipeline(taken, acting), settings, Asked(["cat", "dog"], guidance, 3, real), [(0, 0)])
    except UserError as fault:
        assert not good and "\n" not in str(fault)
    else:
        assert good and min(found.values()) > 0


REFUSALS = [TypeError("must be passed"), ValueError("no"), RuntimeError("size of tensor"), AttributeError("no words")]


@pytest.mark.parametrize("error", REFUSALS)
def test_a_pipeline_that_refuses_its_inputs_is_said(error: Exception) -> None:
    class Refusing:
        def __call__(self, **_: Any) -> Any:
            raise error

    with pytest.raises(UserError, match=f"makes no images with .*{error}"):
        prove(Refusing(), chosen.pipeline(model="x", size=16), Asked(["cat"], 1.0, 3), [(0, 0)])


def test_a_pipeline_whose_memory_runs_out_is_told_so() -> None:
    class Large:
        def __call__(self, **_: Any) -> Any:
            raise RuntimeError("CUDA error: out of memory")

    with pytest.raises(UserError, match="the GPU's memory is too small"):
        prove(Large(), chosen.pipeline(model="x", size=16), Asked(["cat"], 1.0, 3), [(0, 0)])


@pytest.mark.parametrize("error", [torch.AcceleratorError("CUDA error: unspecified launch failure"), OSError("stale")])
def test_a_fault_of_the_machine_is_no_fault_of_the_user(error: Exception) -> None:
    class Unlucky:
        def __call__(self, **_: Any) -> Any:
            raise error

    with pytest.raises(type(error), match=str(error)):
        prove(Unlucky(), chosen.pipeline(model="x", size=16), Asked(["cat"], 1.0, 3), [(0, 0)])


def test_a_pipeline_of_films_is_refused() -> None:
    class Films:
        def __call__(self, **_: Any) -> Any:
            return SimpleNamespace(frames=[])

    with pytest.raises(UserError, match=r"\(Films\) gives no images: choose a pipeline for images"):
        prove(Films(), chosen.pipeline(model="x", size=16), Asked(["cat"], 1.0, 3), [(0, 0)])
