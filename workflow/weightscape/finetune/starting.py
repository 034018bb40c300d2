"""The network of a run before training: the backbone's weights, if it has any, and a new head."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from weightscape.finetune.settings import FinetuneSettings
from weightscape.networks import building


def network(
    settings: FinetuneSettings, classes: int, weights: Mapping[str, np.ndarray], device: torch.device
) -> tuple[nn.Module, dict[str, np.ndarray]]:
    """The network on its device, and those of its tensors that the backbone's file does not hold."""
    model = building.network(settings.network.model, classes, settings.action.dropout, settings.seed)
    building.initialise_head(model, settings.seed)
    head = building.head_parameters(model)
    building.load_weights(model, {name: tensor for name, tensor in weights.items() if name not in head})
    tensors = building.tensors_of(model)
    initial = {name: tensors[name].copy() for name in (head if weights else tensors)}
    return building.prepared(model, device, settings.batch_norm_momentum), initial
