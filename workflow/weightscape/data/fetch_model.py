"""Downloads a pipeline of diffusers or a model of transformers, or checks the folder of one. Safetensors only."""

from pathlib import Path

from weightscape.data.fetch_settings import ModelAsset
from weightscape.errors import UserError
from weightscape.formats.writing import digests

KEPT = (".safetensors", ".json", ".txt", ".model")
"""Endings of the files of a model that are used; pickled weights are neither fetched nor read."""


def fetch(settings: ModelAsset) -> dict[str, object]:
    """Fill the cache, unless the model is a folder; facts: its revision and the digests of its files."""
    path = Path(settings.model)
    if not path.is_dir():
        path = _snapshot(settings)
    files = [file for file in path.rglob("*") if file.is_file() and not file.name.startswith(".")]
    weights = [file for file in files if file.suffix == ".safetensors"]
    if not weights:
        raise UserError(f"model {settings.model} holds no safetensors files: save it again with safetensors")
    kept = [file for file in files if file.suffix in KEPT]
    return {"revision": settings.revision, "files": digests(path, kept)}


def _snapshot(settings: ModelAsset) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        patterns = [f"*{ending}" for ending in KEPT]
        return Path(snapshot_download(settings.model, revision=settings.revision, allow_patterns=patterns))
    except (HfHubHTTPError, HFValidationError, OSError, ValueError) as error:
        raise UserError(
            f"model {settings.model} is no folder and cannot be fetched from the hub ({error!s:.300}): correct its "
            "name, or run this one rule on a machine with a network"
        ) from None
