import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss

from weightscape.finetune.evaluation import metrics


def made(seed: int = 0, n: int = 400, classes: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, classes)) * 2, rng.integers(0, classes, n)


def test_metrics_agree_with_scikit_learn() -> None:
    logits, labels = made()
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    ours = metrics(logits, labels, 15)
    assert ours["accuracy"] == accuracy_score(labels, logits.argmax(1))
    assert ours["nll"] == pytest.approx(log_loss(labels, p))
    assert ours["brier"] == pytest.approx(((p - np.eye(5)[labels]) ** 2).sum(1).mean())


def test_huge_logits_stay_finite() -> None:
    values = metrics(np.array([[1e4, -1e4]]), np.array([1]), 15)
    assert values["nll"] == pytest.approx(2e4) and values["brier"] == pytest.approx(2)


def test_class_accuracies_have_their_mean_and_a_gap_for_a_missing_class() -> None:
    logits, labels = made(3)
    labels[labels == 2] = 1
    values = metrics(logits, labels, 15)
    by_class = values["class_accuracy"]
    assert by_class[2] is None
    count = np.bincount(labels, minlength=5)
    known = [k for k in range(5) if k != 2]
    assert sum(by_class[k] * count[k] for k in known) / 400 == pytest.approx(values["accuracy"])
    assert values["worst_class_accuracy"] == min(by_class[k] for k in known)


def test_bootstrap_intervals_have_the_width_that_theory_says() -> None:
    logits, labels = made(4, n=2000)
    values = metrics(logits, labels, 15, draws=2000, seed=1)
    share = values["accuracy"]
    width = values["accuracy_high"] - values["accuracy_low"]
    assert width == pytest.approx(2 * 1.96 * np.sqrt(share * (1 - share) / 2000), rel=0.07)
    for name in ("accuracy", "nll", "brier"):
        assert values[f"{name}_low"] < values[name] < values[f"{name}_high"]
    assert metrics(logits, labels, 15, draws=2000, seed=1) == values
