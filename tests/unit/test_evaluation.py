import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss

from weightscape.evaluation import calibration_error, metrics


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


def test_the_calibration_error_agrees_with_its_literal_formula() -> None:
    logits, labels = made(1)
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    confidence, right = p.max(1), p.argmax(1) == labels
    literal = 0.0
    for k in range(15):
        inside = (confidence > k / 15) & (confidence <= (k + 1) / 15)
        if inside.any():
            literal += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert calibration_error(confidence, right, 15) == pytest.approx(literal)


def test_a_calibrated_prediction_has_no_error_and_a_sure_wrong_one_has_all() -> None:
    assert calibration_error(np.full(4, 0.75), np.array([True, True, True, False]), 15) == pytest.approx(0)
    assert calibration_error(np.ones(4), np.zeros(4, bool), 15) == 1.0


def test_huge_logits_stay_finite() -> None:
    values = metrics(np.array([[1e4, -1e4]]), np.array([1]), 15)
    assert values["nll"] == pytest.approx(2e4) and values["brier"] == pytest.approx(2)
