"""Muon: momentum whose matrices are made orthogonal, for the weights of linear and convolutional layers (Jordan 2024).

The update of a matrix is the orthogonal factor of its momentum, by five steps of a Newton-Schulz iteration, times
sqrt(max(1, rows / columns)). A network of few steps learns about twice as fast by it as by AdamW. torch.optim.Muon
takes matrices alone and works in bfloat16, which CPUs without AVX-512 compute 15 times slower than float32.
"""

from collections.abc import Iterable

import torch

MOMENTUM = 0.95
COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the published quintic: steepest at 0, singular values end in [.7, 1.2]
ITERATIONS = 5


class Muon(torch.optim.Optimizer):
    """Steps along the orthogonal factors of Nesterov's momentum; a kernel [out, in, ...] is a matrix of `out` rows."""

    def __init__(self, weights: Iterable[torch.Tensor], lr: float) -> None:
        super().__init__(weights, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        for group in self.param_groups:
            for weight in group["params"]:
                state = self.state[weight]
                if not state:
                    state["momentum"] = torch.zeros_like(weight)
                momentum = state["momentum"].mul_(MOMENTUM).add_(weight.grad)
                ahead = (weight.grad + MOMENTUM * momentum).flatten(1)
                rows, columns = ahead.shape
                scale = max(1.0, rows / columns) ** 0.5
                weight.sub_(orthogonal(ahead).view_as(weight), alpha=group["lr"] * scale)


def orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """About U V^T of a matrix U S V^T: its singular values come to lie in [.7, 1.2]."""
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    wide = wide / wide.norm().clamp(min=1e-7)
    # An iteration is X -> P X, P a polynomial of G = X X^T, and so G -> P G P: only two products are of wide matrices.
    gram = wide @ wide.T
    whole = factor = _polynomial(gram)
    for _ in range(ITERATIONS - 1):
        gram = factor @ gram @ factor
        factor = _polynomial(gram)
        whole = factor @ whole
    wide = whole @ wide
    return wide if matrix.shape[0] <= matrix.shape[1] else wide.T


def _polynomial(gram: torch.Tensor) -> torch.Tensor:
    first, second, third = COEFFICIENTS
    factor = torch.addmm(gram, gram, gram, beta=second, alpha=third)
    factor.diagonal().add_(first)
    return factor
