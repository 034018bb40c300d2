"""Spaces in which images are compared: their pixels, and the embeddings of a network before training."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from weightscape import networks

PIXELS = "pixels"
BATCH = 250


def spaces_of(
    backbones: Mapping[str, Mapping[str, Any]], weights: Mapping[str, Mapping[str, np.ndarray]]
) -> dict[str, Callable[[Tensor], np.ndarray]]:
    """Functions from images [n, c, h, w] in [0, 1] to float32 rows: `pixels` and each backbone's embedding."""
    return {PIXELS: pixels} | {
        name: embedding(settings["model"], settings["input"], weights[name]) for name, settings in backbones.items()
    }


def pixels(images: Tensor) -> np.ndarray:
    """Images as rows of their values in [0, 1]."""
    return images.flatten(1).numpy()


def embedding(
    model: str, input_settings: Mapping[str, Any], weights: Mapping[str, np.ndarray]
) -> Callable[[Tensor], np.ndarray]:
    """The network without its head, in evaluation mode, as a function of images."""
    net = networks.network(model, 0)
    names = set(net.state_dict())
    networks.load_weights(net, {name: tensor for name, tensor in weights.items() if name in names})
    device = torch.device("cpu")
    networks.prepared(net, device).eval()

    def embed(images: Tensor) -> np.ndarray:
        with torch.inference_mode():
            parts = [net(networks.as_input(part, input_settings)) for part in images.split(BATCH)]
        return torch.cat(parts).float().numpy()

    return embed
