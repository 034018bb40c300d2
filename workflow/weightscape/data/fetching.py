"""Downloads into the cache, and their record. Nothing else in the package uses the network."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from weightscape.errors import UserError
from weightscape.formats import cache
from weightscape.formats.writing import digests, sha256

Facts = dict[str, Any]


def fetch(settings: Mapping[str, Any]) -> Facts:
    """Fill the cache with what the settings name; facts: where it comes from and the digests of its files."""
    cache.set_up(network=True)
    return KINDS[settings["kind"]](settings)


def torchvision_set(settings: Mapping[str, Any]) -> Facts:
    """A set that torchvision can download; its archives are checked by torchvision."""
    from weightscape.data import torchvision_sets

    root = cache.folder() / "torchvision" / settings["name"]
    root.mkdir(parents=True, exist_ok=True)
    parts = [part for part in settings["parts"].values() if part is not None]
    name, options = settings["name"], settings["options"]
    images = {part: len(torchvision_sets.opened(name, root, part, options, download=True)) for part in parts}
    return {"images": images, "files": digests(root, (path for path in root.iterdir() if path.is_file()))}


def huggingface_set(settings: Mapping[str, Any]) -> Facts:
    """A data set of the hub."""
    from weightscape.data import huggingface

    parts = [part for part in settings["parts"].values() if part is not None]
    loaded = {part: huggingface.loaded(huggingface.where(settings), part, network=True) for part in parts}
    files = [Path(file["filename"]) for source in loaded.values() for file in source.cache_files]
    return {
        "images": {part: len(source) for part, source in loaded.items()},
        "files": {path.name: sha256(path) for path in sorted(files)},
    }


def backbone(settings: Mapping[str, Any]) -> Facts:
    """The weights that timm names."""
    from weightscape.networks.pretrained import from_timm

    return {"tensors": len(from_timm(settings["model"], network=True))}


def model_folder(settings: Mapping[str, Any]) -> Facts:
    """A pipeline of diffusers or a model of transformers: a folder of one's own, or a hub id. Safetensors only."""
    path = Path(settings["model"])
    if not path.is_dir():
        path = _snapshot(settings)
    files = [file for file in path.rglob("*") if file.is_file() and not file.name.startswith(".")]
    weights = [file for file in files if file.suffix == ".safetensors"]
    if not weights:
        raise UserError(f"model {settings['model']} holds no safetensors files: save it again with safetensors")
    kept = [file for file in files if file.suffix in KEPT]
    return {"revision": settings["revision"], "files": digests(path, kept)}


KEPT = (".safetensors", ".json", ".txt", ".model")
"""Endings of the files of a model that are used; pickled weights are neither fetched nor read."""


def _snapshot(settings: Mapping[str, Any]) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        patterns = [f"*{ending}" for ending in KEPT]
        return Path(snapshot_download(settings["model"], revision=settings["revision"], allow_patterns=patterns))
    except (HfHubHTTPError, HFValidationError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(
            f"model {settings['model']} is no folder and cannot be fetched from the hub ({reason}): correct its name, "
            "or run this one rule on a machine with a network"
        ) from None


KINDS: dict[str, Callable[[Mapping[str, Any]], Facts]] = {
    "torchvision": torchvision_set,
    "huggingface": huggingface_set,
    "backbone": backbone,
    "model": model_folder,
}
