"""Downloads a model of transformers, or checks the folder of one. Safetensors only."""

from collections.abc import Callable
from pathlib import Path

from weightscape.data.fetch_settings import ModelAsset, PipelineAsset
from weightscape.errors import UserError
from weightscape.formats.writing import digests

KEPT = (".safetensors", ".json", ".txt", ".model", ".jinja")
"""Endings of the files of a model that are used; pickled weights are neither fetched nor read."""
INDEX = "model_index.json"


def fetch(settings: ModelAsset) -> dict[str, object]:
    """Fill the cache, unless the model is a folder; facts: its revision and the digests of its files."""
    return facts_of(settings, lambda: _snapshot(settings))


def facts_of(settings: ModelAsset | PipelineAsset, download: Callable[[], str]) -> dict[str, object]:
    """Revision and digests of the files of a model, which `download` brings unless it is a folder."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    path = Path(settings.model)
    try:
        path = path if path.is_dir() else Path(download())
    except (HfHubHTTPError, HFValidationError, OSError, ValueError) as error:
        raise UserError(
            f"model {settings.model} is no folder and cannot be fetched from the hub ({error!s:.300}): correct its "
            "name, or run this one rule on a machine with a network"
        ) from None
    files = [file for file in path.rglob("*") if file.suffix in KEPT and file.is_file() and _used(path, file)]
    if not any(file.suffix == ".safetensors" for file in files):
        raise UserError(f"model {settings.model} holds no safetensors files: save it again with safetensors")
    return {"revision": settings.revision, "files": digests(path, files)}


def _used(folder: Path, file: Path) -> bool:
    """Whether a file of a model is read: a pipeline has its weights in the folders of its parts, none beside them."""
    parts = file.relative_to(folder).parts
    beside = len(parts) == 1 and file.suffix == ".safetensors" and (folder / INDEX).exists()
    return not beside and not parts[-1].startswith(".")


def _snapshot(settings: ModelAsset) -> str:
    from huggingface_hub import snapshot_download

    patterns = [f"*{ending}" for ending in KEPT]
    return snapshot_download(settings.model, revision=settings.revision, allow_patterns=patterns)
