"""Calibration errors against their literal formulas, and the bins that they share with the reliability diagrams."""

import itertools

import numpy as np
import pytest

from unit.finetune.test_evaluation import made
from weightscape.finetune.calibration import adaptive_error, calibration_error
from weightscape.metrics.tables.evaluation import reliability_bins


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


def test_the_adaptive_error_agrees_with_its_literal_formula() -> None:
    logits, labels = made(2, n=403)
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    confidence, right = p.max(1), p.argmax(1) == labels
    order = np.argsort(confidence)
    bounds = np.cumsum([0] + [403 // 15 + (k < 403 % 15) for k in range(15)])
    literal = 0.0
    for first, last in itertools.pairwise(bounds):
        rows = order[first:last]
        literal += len(rows) / 403 * abs(right[rows].mean() - confidence[rows].mean())
    assert adaptive_error(confidence, right, 15) == pytest.approx(literal)


def test_the_bins_of_a_reliability_diagram_give_the_calibration_error() -> None:
    logits, labels = made(3)
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    table = reliability_bins(logits, labels, 15)
    gaps = (table["images"] * (table["accuracy"] - table["confidence"]).abs()).sum() / table["images"].sum()
    assert gaps == pytest.approx(calibration_error(p.max(1), p.argmax(1) == labels, 15))
