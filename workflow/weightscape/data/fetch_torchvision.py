"""Downloads a data set that torchvision knows; torchvision checks its archives."""

from collections.abc import Mapping
from typing import Any

from weightscape.data import torchvision_sets
from weightscape.formats.writing import digests


def fetch(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Fill the cache; facts: images per part and the digests of the files."""
    root = torchvision_sets.downloaded(settings["name"])
    root.mkdir(parents=True, exist_ok=True)
    parts = [part for part in settings["parts"].values() if part is not None]
    name, options = settings["name"], settings["options"]
    images = {part: len(torchvision_sets.opened(name, root, part, options, download=True)) for part in parts}
    return {"images": images, "files": digests(root, (path for path in root.iterdir() if path.is_file()))}
