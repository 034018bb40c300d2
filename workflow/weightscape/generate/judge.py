"""Judge: a small convolutional classifier of real images that the generator never saw.

It tells whether a synthetic image shows its class, and its penultimate features are the space of KID, precision and
recall. Images are uint8 [n, c, h, w]; the shapes of the weights, arrays by name, say all that rebuilds the network.
"""

from collections import OrderedDict
from collections.abc import Mapping

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from weightscape import seeds
from weightscape.formats.shards import ImageSet
from weightscape.generate.judge_settings import TrainJudgeSettings
from weightscape.progress import track

FEATURES = 64
GRID = 4  # side of the last map, whatever the size of the image
BATCH = 500  # images per forward pass of predict and features
WEIGHT_DECAY = 0.05


def train(content: ImageSet, classes: int, settings: TrainJudgeSettings) -> dict[str, np.ndarray]:
    """Train on labelled images; weights by name."""
    images, labels = content.images, content.labels
    stream = seeds.generator(settings.seed, "judge", "batches")
    batch = min(settings.batch_size, len(images))
    total = settings.epochs * (len(images) // batch)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.seed(settings.seed, "judge", "weights"))
        network = _network(images.shape[1], settings.width, classes)
    optimizer = torch.optim.AdamW(network.parameters(), settings.learning_rate, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.learning_rate, total_steps=total, pct_start=0.2)
    for _ in track(range(settings.epochs), "train judge", settings.epochs, "epochs"):
        # The remainder is left out, so that batch statistics never come from a handful of images.
        for chosen in stream.permutation(len(images))[: len(images) // batch * batch].reshape(-1, batch):
            logits = network(_pixels(_shifted(images[chosen], settings.shift, stream)))
            loss = functional.cross_entropy(logits, torch.from_numpy(labels[chosen]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return {name: tensor.numpy().copy() for name, tensor in network.state_dict().items()}


def predict(weights: Mapping[str, np.ndarray], images: np.ndarray) -> np.ndarray:
    """Logits [n, classes], float32."""
    return _forward(_rebuilt(weights), images)


def features(weights: Mapping[str, np.ndarray], images: np.ndarray) -> np.ndarray:
    """Computes the inputs of the last layer: [n, 64], float32, not negative."""
    return _forward(_rebuilt(weights).get_submodule("body"), images)


def _network(channels: int, width: int, classes: int) -> nn.Sequential:
    """Three convolutions of stride 2 and a hidden layer (the body), then one linear layer (the head)."""
    body = nn.Sequential(
        *_stage(channels, width, 5),
        *_stage(width, 2 * width, 3),
        *_stage(2 * width, 4 * width, 3),
        nn.AdaptiveAvgPool2d(GRID),
        nn.Flatten(),
        nn.Linear(4 * width * GRID**2, FEATURES, bias=False),
        nn.BatchNorm1d(FEATURES),
        nn.ReLU(),
    )
    return nn.Sequential(OrderedDict(body=body, head=nn.Linear(FEATURES, classes)))


def _stage(before: int, after: int, kernel: int) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(before, after, kernel, stride=2, padding=kernel // 2, bias=False)
    return convolution, nn.BatchNorm2d(after), nn.ReLU()


def _rebuilt(weights: Mapping[str, np.ndarray]) -> nn.Sequential:
    width, channels = weights["body.0.weight"].shape[:2]
    network = _network(channels, width, classes=weights["head.weight"].shape[0])
    network.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in weights.items()})
    return network.eval()


@torch.no_grad()
def _forward(network: nn.Module, images: np.ndarray) -> np.ndarray:
    starts = range(0, len(images), BATCH)
    parts = [network(_pixels(images[start : start + BATCH])).numpy() for start in starts]
    return np.concatenate(parts) if parts else network(torch.zeros(0, *images.shape[1:])).numpy()


def _pixels(images: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(images.astype(np.float32) / 127.5 - 1)


def _shifted(images: np.ndarray, most: int, stream: np.random.Generator) -> np.ndarray:
    """Each image shifted by a draw of its own, of up to `most` pixels each way; its edge is repeated."""
    padded = np.pad(images, ((0, 0), (0, 0), (most, most), (most, most)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, images.shape[2:], axis=(2, 3))
    down, right = stream.integers(0, 2 * most + 1, (2, len(images)))
    return windows[np.arange(len(images)), :, down, right]
