"""Downloads a data set of the Hugging Face hub."""

from pathlib import Path

from weightscape.data import huggingface
from weightscape.data.settings import HubSet
from weightscape.formats.writing import sha256


def fetch(settings: HubSet) -> dict[str, object]:
    """Fill the cache; facts: images per part and the digests of the files."""
    parts = settings.parts.there()
    loaded = {part: huggingface.loaded(settings, part, network=True) for part in parts}
    files = [Path(file["filename"]) for source in loaded.values() for file in source.cache_files]
    return {
        "images": {part: len(source) for part, source in loaded.items()},
        "files": {path.name: sha256(path) for path in sorted(files)},
    }
