"""Downloads a data set that torchvision knows; torchvision checks its archives."""

from weightscape.data import torchvision_sets
from weightscape.data.settings import TorchvisionSet
from weightscape.formats.writing import digests


def fetch(settings: TorchvisionSet) -> dict[str, object]:
    """Fill the cache; facts: images per part and the digests of the files."""
    root = torchvision_sets.downloaded(settings.name)
    root.mkdir(parents=True, exist_ok=True)
    parts = settings.parts.there()
    name, options = settings.name, settings.options
    images = {part: len(torchvision_sets.opened(name, root, part, options, download=True)) for part in parts}
    return {"images": images, "files": digests(root, (path for path in root.iterdir() if path.is_file()))}
