"""Downloads a data set of the Hugging Face hub."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weightscape.data import huggingface
from weightscape.formats.writing import sha256


def fetch(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Fill the cache; facts: images per part and the digests of the files."""
    parts = [part for part in settings["parts"].values() if part is not None]
    loaded = {part: huggingface.loaded(huggingface.where(settings), part, network=True) for part in parts}
    files = [Path(file["filename"]) for source in loaded.values() for file in source.cache_files]
    return {
        "images": {part: len(source) for part, source in loaded.items()},
        "files": {path.name: sha256(path) for path in sorted(files)},
    }
