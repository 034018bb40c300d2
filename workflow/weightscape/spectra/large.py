"""Estimates of a large spectrum without its decomposition: the matrix is only multiplied with vectors.

For W of sides N >= M and A = W^T W the trace is the sum of squared entries. With Q an orthonormal basis [M, k] of what
A makes of k random vectors, and z of squared length M - k and random direction orthogonal to Q, tr f(A) =
tr Q^T f(A) Q + E z . f(A) z: large eigenvalues, which would spread the samples, are taken by Q (Hutch++, Meyer, Musco,
Musco & Woodruff 2021), and equal ones spread none. `STEPS`
steps of Lanczos' recurrence from a vector give a Gauss quadrature of its value: nodes theta and weights tau from the
tridiagonal matrix (Golub & Meurant 2010, chapter 6; Ubaru, Chen & Saad 2017, section 3). The spread over the probes z
gives the standard error. Copies of converged eigenvalues, which the recurrence makes without reorthogonalisation, share
their weight.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

PROBES, STEPS = 16, 64
BLOCK = 2**25  # bytes of the rows that are widened at a time
KEPT = 64  # vectors that the search for the largest eigenvalue keeps
RESIDUAL = 1e-6  # of the largest eigenvalue, whose own error is the square of it over the gap to the next
FLAT = 1e-13  # of the largest entry of the tridiagonal matrix: vectors that end there span an invariant space


@dataclass(frozen=True)
class Estimate:
    """A value, and its standard error or the bound of its error."""

    value: float
    error: float


@dataclass(frozen=True)
class Sums:
    """Estimates of a pooled spectrum: sum lambda exactly, the largest, and two sums over the shares p = lambda / sum.

    `entropy` is -sum p ln p in nats, `squares` is sum p^2.
    """

    total: float
    largest: Estimate
    entropy: Estimate
    squares: Estimate


@dataclass(frozen=True)
class Large:
    """A matrix, or the difference of two of one shape, times 2^-exponent, of which some rows are widened at a time."""

    first: np.ndarray
    minus: np.ndarray | None = None
    exponent: int = 0

    @property
    def side(self) -> int:
        """M, the smaller side."""
        return min(self.first.shape)

    def blocks(self) -> Iterator[np.ndarray]:
        """Blocks [b, M] of the matrix, or of its transpose if that is taller, in float64."""
        tall, other = (array if array is None or _is_tall(array) else array.T for array in (self.first, self.minus))
        assert tall is not None
        step = max(1, BLOCK // (8 * self.side))
        for start in range(0, len(tall), step):
            rows = tall[start : start + step]
            wide = (
                rows.astype(np.float64)
                if other is None
                else np.subtract(rows, other[start : start + step], dtype=float)
            )
            yield np.ldexp(wide, -self.exponent) if self.exponent else wide

    def product(self, vectors: np.ndarray) -> np.ndarray:
        """A times vectors [M, k]."""
        total = np.zeros(vectors.shape)
        for block in self.blocks():
            total += block.T @ (block @ vectors)
        return total


def _is_tall(array: np.ndarray) -> bool:
    return array.shape[0] >= array.shape[1]


def exponent_of(matrices: Sequence[Large]) -> int:
    """The power of two by which all entries are at most 1; 0 if they are moderate, or all zero."""
    most = max(float(np.abs(block).max()) for matrix in matrices for block in matrix.blocks())
    exponent = math.frexp(most)[1]
    return exponent if most and abs(exponent) > 300 else 0


def sums(matrices: Sequence[Large], random: np.random.Generator) -> Sums:
    """Estimates of the pooled spectrum of matrices of one shape, of which one at least is not zero.

    The entropy is that of x = lambda M' / sum lambda, whose mean is 1 over the M' eigenvalues: ln M' less the mean of
    x ln x, for which x ln x - x + 1 is estimated, since the mean of x is known. That leaves much less to the probes.
    """
    traces = [sum(float(np.vdot(block, block)) for block in matrix.blocks()) for matrix in matrices]
    total, count = math.fsum(traces), sum(matrix.side for matrix in matrices)
    tops, excess, squares = [], np.zeros(PROBES), np.zeros(PROBES)
    for matrix, trace in zip(matrices, traces, strict=True):
        if trace > 0:
            nodes, weights = quadrature(matrix, _starts(matrix, random))
            shares = np.maximum(nodes, 0.0) * (count / total)
            excess += _samples((weights * _excess(shares)).sum(axis=1))
            squares += _samples((weights * shares**2).sum(axis=1))
            tops.append(largest(matrix, random))
        else:
            excess += matrix.side  # x ln x - x + 1 of zeros
    entropy, second = _mean(excess / count), _mean(squares / count**2)
    return Sums(
        total,
        max(tops, key=lambda top: top.value),
        Estimate(math.log(count) - entropy.value, entropy.error),
        second,
    )


def _starts(matrix: Large, random: np.random.Generator) -> np.ndarray:
    """Vectors [M, k + probes]: a basis of what the matrix makes of k random ones, and probes orthogonal to it."""
    side, count = matrix.side, min(PROBES, matrix.side)
    basis = np.linalg.qr(matrix.product(random.standard_normal((side, count))))[0]
    probes = random.standard_normal((side, PROBES))
    for _ in range(2):  # the second time what rounding has left
        probes -= basis @ (basis.T @ probes)
    sizes = np.linalg.norm(probes, axis=0)
    lengths = np.where(sizes > FLAT * side, math.sqrt(side - count) / np.maximum(sizes, FLAT), 0.0)
    return np.concatenate([basis, probes * lengths], axis=1)


def _samples(values: np.ndarray) -> np.ndarray:
    """Estimates by probe, from the values of all vectors of `_starts`."""
    return values[:-PROBES].sum() + values[-PROBES:]


def _excess(x: np.ndarray) -> np.ndarray:
    """x ln x - x + 1, at least 0."""
    return x * np.log(np.where(x > 0, x, 1.0)) - x + 1


def _mean(samples: np.ndarray) -> Estimate:
    return Estimate(float(samples.mean()), float(samples.std(ddof=1)) / len(samples) ** 0.5)


def quadrature(matrix: Large, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights [k, steps] of the quadratures of k vectors [M, k], all of which are multiplied together.

    Weights of a vector sum to its squared norm. Where its images span an invariant space, further nodes weigh nothing.
    """
    steps = min(STEPS, matrix.side)
    sizes = np.linalg.norm(starts, axis=0)
    now, before = starts / np.where(sizes > 0, sizes, 1.0), np.zeros(starts.shape)
    beta = np.zeros(starts.shape[1])
    diagonal, beside = np.zeros((2, starts.shape[1], steps))
    for step in range(steps):
        image = matrix.product(now) - beta * before
        diagonal[:, step] = np.einsum("ij,ij->j", image, now)
        image -= diagonal[:, step] * now
        beta = np.linalg.norm(image, axis=0)
        beta[beta <= FLAT * np.abs(diagonal[:, : step + 1]).max(axis=1)] = 0.0
        beside[:, step] = beta
        before, now = now, np.divide(image, beta, out=np.zeros(image.shape), where=beta > 0)
    solved = [_gauss(*each) for each in zip(diagonal, beside[:, :-1], strict=True)]
    weights = np.stack([weights for _, weights in solved])
    return np.stack([nodes for nodes, _ in solved]), sizes[:, None] ** 2 * weights


def _gauss(diagonal: np.ndarray, beside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues of a tridiagonal matrix, and the squared first entries of its eigenvectors."""
    from scipy.linalg import eigh_tridiagonal

    values, vectors = eigh_tridiagonal(diagonal, beside)
    return values, vectors[0] ** 2


def largest(matrix: Large, random: np.random.Generator) -> Estimate:
    """The largest eigenvalue by ARPACK's restarted Lanczos iteration; one lies within the error, |A v - lambda v|."""
    from scipy.sparse.linalg import LinearOperator, eigsh

    side = matrix.side

    def times(vector: np.ndarray) -> np.ndarray:
        return matrix.product(vector.reshape(side, 1))[:, 0]

    start = random.standard_normal(side)
    if side > 1:
        operator = LinearOperator((side, side), matvec=times, dtype=np.float64)  # pyright: ignore[reportCallIssue]
        found = eigsh(operator, 1, which="LA", v0=start, ncv=min(side, KEPT), tol=RESIDUAL)  # pyright: ignore
        start = found[1][:, 0]
    vector = start / np.linalg.norm(start)
    image = times(vector)
    value = float(vector @ image)
    return Estimate(value, float(np.linalg.norm(image - value * vector)))
