"""Image folders as people have them, to start studies from."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image


def photograph(rng: np.random.Generator, side: int = 40) -> Image.Image:
    """A colour image of smooth patches, without a ground."""
    coarse = rng.integers(0, 256, (6, 6, 3), np.uint8)
    return Image.fromarray(coarse).resize((side + 8, side), Image.Resampling.BICUBIC)


def drawing(rng: np.random.Generator, side: int = 28) -> Image.Image:
    """A grey image of a bright bar on a black ground."""
    pixels = np.zeros((side, side), np.uint8)
    left, top = rng.integers(2, side - 10, 2)
    pixels[top : top + int(rng.integers(5, 9)), left : left + int(rng.integers(2, 5))] = rng.integers(150, 256)
    return Image.fromarray(pixels)


def folder(root: Path, parts: Mapping[str, Mapping[str, int]], kind: str = "photograph", ending: str = "png") -> Path:
    """A folder of images: so many of each class in each part; the part "." is the folder itself."""
    rng = np.random.default_rng(0)
    for part, classes in parts.items():
        for name, count in classes.items():
            place = root / part / name
            place.mkdir(parents=True, exist_ok=True)
            for number in range(count):
                image = photograph(rng) if kind == "photograph" else drawing(rng)
                image.save(place / f"{number:03d}.{ending}")
    return root
