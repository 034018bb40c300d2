"""Spaces in which images are compared: their pixels, and the embeddings of a network before training."""

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from weightscape.diversity.rows import LARGEST
from weightscape.networks import building
from weightscape.networks.folding import folded
from weightscape.networks.settings import NetworkSettings

PIXELS = "pixels"
CPU = torch.device("cpu")
BATCH = 250

Spaces = Mapping[str, Callable[[Tensor], np.ndarray]]
"""Functions from images [n, c, h, w] in [0, 1] to rows, by the name of the space."""


def pixels(images: Tensor) -> np.ndarray:
    """Images as rows of their values in [0, 1], at 32 px if they are larger."""
    if max(images.shape[-2:]) > LARGEST:
        images = F.interpolate(images, size=(LARGEST, LARGEST), mode="bilinear", align_corners=False, antialias=True)
    return images.flatten(1).cpu().numpy()


def embedding(
    network: NetworkSettings, weights: Mapping[str, np.ndarray], device: torch.device = CPU
) -> Callable[[Tensor], np.ndarray]:
    """The network without its head, in evaluation mode, as a function of images."""
    net = building.network(network.model, 0)
    names = set(net.state_dict())
    building.load_weights(net, {name: tensor for name, tensor in weights.items() if name in names})
    net = building.prepared(net, device).eval()
    if device.type == "cpu":
        net = folded(net)

    def embed(images: Tensor) -> np.ndarray:
        with torch.inference_mode():
            parts = [net(building.as_input(part.to(device), network.input)) for part in images.split(BATCH)]
        return torch.cat(parts).float().cpu().numpy()

    return embed


def rows_by_space(spaces: Spaces, batches: Iterable[Tensor]) -> dict[str, np.ndarray]:
    """The rows of images that come in batches, in every space; only one batch of images is in memory."""
    rows: dict[str, list[np.ndarray]] = {name: [] for name in spaces}
    for batch in batches:
        for name, embed in spaces.items():
            rows[name].append(embed(batch))
    return {name: np.concatenate(parts) for name, parts in rows.items()}
