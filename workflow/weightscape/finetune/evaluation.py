"""Metrics of predictions: accuracy, negative log-likelihood, Brier score, calibration error, with intervals.

All take logits [n, classes] and labels [n]; natural logarithms. The calibration errors are those of `calibration`, with
bins of equal width (`ece`) and of equal counts (`adaptive_ece`). Intervals are percentiles of a bootstrap over images:
they tell what another test set of this size would give, not what another run would.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from weightscape.finetune.calibration import adaptive_error, bin_of, calibration_error, ranked_bin_of
from weightscape.networks.settings import InputSettings, NetworkSettings

INTERVAL = (2.5, 97.5)  # percentiles of the bootstrap
BLOCK = 100  # resamples at a time, which bounds the memory


@dataclass(frozen=True)
class Evaluation:
    """Images at a time, bins of the calibration error, and draws of the bootstrap over images."""

    batch_size: int
    calibration_bins: int
    bootstrap_draws: int


@dataclass(frozen=True)
class EvaluateSettings:
    """The backbone's name, its network, and how it is evaluated; `seed` is that of the bootstrap."""

    backbone: str
    network: NetworkSettings
    evaluate: Evaluation
    seed: int


def metrics(
    logits: np.ndarray, labels: np.ndarray, bins: int, draws: int = 0, seed: int = 0
) -> dict[str, float | list[float | None]]:
    """Accuracy in [0, 1], NLL in nats, Brier score in [0, 2], calibration errors in [0, 1], images.

    `class_accuracy` has one value per class (nan without images), `worst_class_accuracy` is the least of them. With
    `draws` of the bootstrap, accuracy, nll, brier and ece also have `_low` and `_high`.
    """
    from scipy.special import log_softmax

    log_p = log_softmax(logits.astype(np.float64), axis=1)
    classes = log_p.shape[1]
    right = log_p.argmax(1) == labels
    confidence = np.exp(log_p.max(1))
    per_image = {
        "accuracy": right.astype(np.float64),
        "nll": -log_p[np.arange(len(labels)), labels],
        "brier": ((np.exp(log_p) - np.eye(classes)[labels]) ** 2).sum(1),
    }
    count = np.bincount(labels, minlength=classes)
    with np.errstate(invalid="ignore"):
        by_class = np.bincount(labels, weights=right, minlength=classes) / count
    values: dict[str, float | list[float | None]] = {
        **{name: float(value.mean()) for name, value in per_image.items()},
        "ece": calibration_error(confidence, right, bins),
        "adaptive_ece": adaptive_error(confidence, right, bins),
        "worst_class_accuracy": float(np.nanmin(by_class)),
        "class_accuracy": [float(value) if n else None for value, n in zip(by_class, count, strict=True)],
        "images": len(labels),
    }
    return values | _intervals(per_image, confidence, right, bins, draws, seed) if draws else values


def _intervals(
    per_image: Mapping[str, np.ndarray], confidence: np.ndarray, right: np.ndarray, bins: int, draws: int, seed: int
) -> dict[str, float]:
    """Bootstrap over images: resamples as counts [BLOCK, n] at a time, so that each mean is one product.

    The bins of the adaptive error are those of the whole sample.
    """
    n = len(right)
    rng = np.random.default_rng(seed)
    places = {"ece": bin_of(confidence, bins), "adaptive_ece": ranked_bin_of(confidence, bins)}
    gaps = {name: np.zeros((n, bins)) for name in places}
    for name, place in places.items():
        gaps[name][np.arange(n), place] = right - confidence
    samples: dict[str, list[np.ndarray]] = {name: [] for name in [*per_image, *gaps]}
    for start in range(0, draws, BLOCK):
        counts = rng.multinomial(n, np.full(n, 1 / n), min(BLOCK, draws - start)).astype(np.float64)
        for name, value in per_image.items():
            samples[name].append(counts @ value / n)
        for name, value in gaps.items():
            samples[name].append(np.abs(counts @ value).sum(1) / n)
    ends = {}
    for name, sample in samples.items():
        ends[f"{name}_low"], ends[f"{name}_high"] = (float(e) for e in np.percentile(np.concatenate(sample), INTERVAL))
    return ends


def predict(forward: Callable[[np.ndarray], np.ndarray], images: np.ndarray, batch: int) -> np.ndarray:
    """Logits float32 of uint8 images [n, c, h, w], batch by batch."""
    return np.concatenate([forward(images[start : start + batch]) for start in range(0, len(images), batch)])


def forward_of(model: Any, form: InputSettings, device: Any) -> Callable[[np.ndarray], np.ndarray]:
    """The network in evaluation mode, on a CPU with folded normalisations, from uint8 images to logits."""
    import torch

    from weightscape.networks.building import as_input, as_unit
    from weightscape.networks.folding import folded

    model.eval()
    if device.type == "cpu":
        model = folded(model)

    def forward(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            x = as_input(as_unit(torch.from_numpy(images).to(device)), form)
            return model(x).float().cpu().numpy()

    return forward
