"""Files of a pipeline: no more are fetched, and counted, than its class loads."""

from pathlib import Path
from typing import Any

import pytest

from weightscape.data import fetch_pipeline
from weightscape.data.fetch_settings import PipelineAsset
from weightscape.errors import UserError

FILES = (
    "model_index.json",
    "unet/diffusion_pytorch_model.safetensors",
    "text_encoder/model.safetensors",
    "tokenizer/chat_template.jinja",
)


def folder_of(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"{}")
    return root


def test_checkpoints_beside_the_parts_are_not_read(tmp_path: Path) -> None:
    folder_of(tmp_path, *FILES, "v1-5-pruned.safetensors", "unet/diffusion_pytorch_model.bin", "README.md")
    files = fetch_pipeline.fetch(PipelineAsset("pipeline", str(tmp_path), None, None, False))["files"]
    assert isinstance(files, dict) and set(files) == set(FILES)


@pytest.mark.parametrize("checker", [False, True])
def test_diffusers_chooses_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checker: bool) -> None:
    from diffusers import DiffusionPipeline

    asked: dict[str, Any] = {}
    monkeypatch.setattr(
        DiffusionPipeline,
        "download",
        lambda model, **options: asked.update(options, model=model) or str(folder_of(tmp_path / "hub", *FILES)),
    )
    fetch_pipeline.fetch(PipelineAsset("pipeline", "maker/model", "abc", "fp16", checker))
    used = {} if checker else {"safety_checker": None}
    assert asked == {"model": "maker/model", "revision": "abc", "variant": "fp16", "use_safetensors": True} | used


def test_a_pipeline_that_cannot_be_fetched_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from diffusers import DiffusionPipeline

    def fails(*_: Any, **__: Any) -> str:
        raise OSError("no network")

    monkeypatch.setattr(DiffusionPipeline, "download", fails)
    with pytest.raises(UserError, match="model maker/model is no folder and cannot be fetched"):
        fetch_pipeline.fetch(PipelineAsset("pipeline", "maker/model", None, None, False))
