"""Metrics of predictions: accuracy, negative log-likelihood, Brier score, expected calibration error.

All take logits [n, classes] and labels [n]; natural logarithms. The calibration error is the L1 gap between
confidence and accuracy over equal-width bins, weighted by their counts (Guo et al. 2017, arXiv 1706.04599, eq. 3).
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy.special import log_softmax


def metrics(logits: np.ndarray, labels: np.ndarray, bins: int) -> dict[str, float]:
    """Accuracy in [0, 1], NLL in nats, Brier score in [0, 2], ECE in [0, 1] and the number of images."""
    log_p = log_softmax(logits.astype(np.float64), axis=1)
    right = log_p.argmax(1) == labels
    return {
        "accuracy": float(right.mean()),
        "nll": float(-log_p[np.arange(len(labels)), labels].mean()),
        "brier": float(((np.exp(log_p) - np.eye(log_p.shape[1])[labels]) ** 2).sum(1).mean()),
        "ece": calibration_error(np.exp(log_p.max(1)), right, bins),
        "images": len(labels),
    }


def calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int) -> float:
    """Expected calibration error with `bins` equal-width bins on (0, 1]."""
    bin_of = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gap = np.bincount(bin_of, weights=right - confidence, minlength=bins)
    return float(np.abs(gap).sum() / len(confidence))


def predict(forward: Callable[[np.ndarray], np.ndarray], images: np.ndarray, batch: int) -> np.ndarray:
    """Logits float32 of uint8 images [n, c, h, w], batch by batch."""
    return np.concatenate([forward(images[start : start + batch]) for start in range(0, len(images), batch)])


def forward_of(model: Any, input_settings: Mapping[str, Any], device: Any) -> Callable[[np.ndarray], np.ndarray]:
    """The network as a function from uint8 images to logits, in evaluation mode."""
    import torch

    from weightscape.networks import as_input, as_unit

    model.eval()

    def forward(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            x = as_input(as_unit(torch.from_numpy(images).to(device)), input_settings)
            return model(x).float().cpu().numpy()

    return forward
