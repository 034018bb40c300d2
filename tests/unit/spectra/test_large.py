"""Estimates of large spectra against their decomposition, and the errors that they state."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weightscape.spectra import large
from weightscape.spectra.large import Large, sums


def made(kind: str, rows: int, columns: int, rng: np.random.Generator) -> np.ndarray:
    """A matrix of a kind that networks have."""
    noise = rng.standard_normal((rows, columns))
    if kind == "heavy":
        return rng.standard_t(2.5, (rows, columns))
    if kind == "spiked":
        return noise + 3 * np.outer(rng.standard_normal(rows), rng.standard_normal(columns))
    if kind == "low rank":
        return rng.standard_normal((rows, 7)) @ rng.standard_normal((7, columns))
    if kind == "scaled rows":
        return noise * np.exp(rng.standard_normal((rows, 1)))
    if kind == "empty rows":
        noise[: rows // 3] = 0
    return noise


def literal(matrices: list[np.ndarray]) -> tuple[float, float, float, float]:
    """Sum, largest value, entropy and sum of squared shares, by the singular values."""
    values = np.concatenate([np.linalg.svd(matrix, compute_uv=False) ** 2 for matrix in matrices])
    shares = values[values > 0] / values.sum()
    return values.sum(), values.max(), float(-(shares * np.log(shares)).sum()), float((shares**2).sum())


KINDS = ["noise", "heavy", "spiked", "low rank", "scaled rows", "empty rows"]


@given(st.sampled_from(KINDS), st.integers(60, 260), st.integers(60, 260), st.integers(1, 3), st.integers(0, 10**6))
@settings(max_examples=40)
def test_estimates_are_those_of_the_decomposition_within_their_errors(
    kind: str, rows: int, columns: int, slices: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    matrices = [made(kind, rows, columns, rng) for _ in range(slices)]
    total, top, entropy, squares = literal(matrices)
    found = sums([Large(matrix) for matrix in matrices], rng)
    assert found.total == pytest.approx(total, rel=1e-12)
    assert found.largest.value == pytest.approx(top, rel=1e-8) and found.largest.error <= 1e-5 * top
    assert abs(found.entropy.value - entropy) <= 6 * found.entropy.error + 1e-4
    assert abs(found.squares.value - squares) <= 6 * found.squares.error + 1e-9 * squares
    assert found.entropy.error < 0.1 and found.squares.error < 0.5 * squares


@pytest.mark.parametrize("kind", ["heavy", "spiked"])
def test_the_errors_are_those_of_repetition(kind: str) -> None:
    """Over 100 draws the deviation has no mean, and a spread of about one standard error (of 15 degrees of freedom)."""
    matrix = made(kind, 120, 90, np.random.default_rng(5))
    _, _, entropy, squares = literal([matrix])
    scores = []
    for seed in range(100):
        found = sums([Large(matrix)], np.random.default_rng(seed))
        scores.append(
            [
                (found.entropy.value - entropy) / found.entropy.error,
                (found.squares.value - squares) / found.squares.error,
            ]
        )
    assert np.abs(np.mean(scores, axis=0)).max() < 0.4  # 3 sqrt(15/13 / 100) = .32, and the quadrature's own bias
    assert np.std(scores, axis=0).min() > 0.8 and np.std(scores, axis=0).max() < 1.4


def test_the_quadrature_is_exact_for_polynomials_and_its_weights_are_the_squared_norm(rng: np.random.Generator) -> None:
    matrix, probes = rng.standard_normal((50, 30)), rng.choice((-1.0, 1.0), (30, 4))
    nodes, weights = large.quadrature(Large(matrix), probes)
    gram = matrix.T @ matrix
    np.testing.assert_allclose(weights.sum(axis=1), 30)
    for power in (1, 2, 3):
        literal_values = np.einsum("ik,ij,jk->k", probes, np.linalg.matrix_power(gram, power), probes)
        np.testing.assert_allclose((weights * nodes**power).sum(axis=1), literal_values, rtol=1e-9)


@pytest.mark.parametrize(
    ("matrix", "entropy"),
    [
        (np.ones((40, 30)), 0.0),
        (np.outer(np.arange(1.0, 41), np.arange(1.0, 31)), 0.0),
        (np.linalg.qr(np.random.default_rng(0).standard_normal((40, 30)))[0], math.log(30)),
        (np.eye(30), math.log(30)),
        (np.diag([3.0] * 4 + [0.0] * 26), math.log(4)),
        (np.array([[2.0]]), 0.0),
        (np.array([[2.0, 0], [0, 2]]), math.log(2)),
    ],
)
def test_matrices_of_one_eigenvalue_have_its_entropy(matrix: np.ndarray, entropy: float) -> None:
    found = sums([Large(matrix)], np.random.default_rng(0))
    assert found.entropy.value == pytest.approx(entropy, abs=6 * found.entropy.error + 1e-6)
    assert 1 / found.squares.value == pytest.approx(math.exp(entropy), rel=6 * found.squares.error + 1e-6)
    assert found.largest.value == pytest.approx(np.linalg.norm(matrix, 2) ** 2)


def test_a_slice_of_zeros_adds_zeros(rng: np.random.Generator) -> None:
    matrix = rng.standard_normal((30, 20))
    found = sums([Large(matrix), Large(np.zeros((30, 20)))], np.random.default_rng(0))
    _, _, entropy, squares = literal([matrix])
    assert abs(found.entropy.value - entropy) <= 6 * found.entropy.error + 1e-3
    assert abs(found.squares.value - squares) <= 6 * found.squares.error


def test_blocks_are_the_matrix_its_transpose_and_the_difference(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large, "BLOCK", 8 * 20 * 7)  # seven rows
    after, before = rng.standard_normal((2, 20, 33)).astype(np.float32)
    whole = np.subtract(after, before, dtype=np.float64)
    blocks = list(Large(after, before, 3).blocks())
    assert max(len(block) for block in blocks) == 7 and len(blocks) == 5
    np.testing.assert_array_equal(np.concatenate(blocks), whole.T / 8)
    vectors = rng.standard_normal((20, 2))
    np.testing.assert_allclose(Large(after, before).product(vectors), whole @ whole.T @ vectors)
