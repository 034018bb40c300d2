"""Muon: its factor is that of the singular value decomposition, and its step that of torch's own on matrices."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from weightscape.generate.muon import Muon, orthogonal


@given(rows=st.integers(1, 12), columns=st.integers(1, 12), seed=st.integers(0, 99))
def test_singular_values_become_about_one_and_singular_vectors_stay(rows: int, columns: int, seed: int) -> None:
    stream = torch.Generator().manual_seed(seed)
    left, right = (torch.linalg.qr(torch.randn(side, side, generator=stream))[0] for side in (rows, columns))
    values = torch.rand(min(rows, columns), generator=stream) + 0.2
    middle = torch.zeros(rows, columns)
    middle.diagonal().copy_(values)
    turned = left.T @ orthogonal(left @ middle @ right.T) @ right
    assert ((turned.diagonal() > 0.6) & (turned.diagonal() < 1.3)).all()
    assert (
        turned - turned.diagonal().diag_embed().new_zeros(turned.shape).diagonal_scatter(turned.diagonal())
    ).abs().max() < 1e-3


def test_a_step_is_that_of_torchs_muon_and_a_kernel_counts_as_a_matrix() -> None:
    start = torch.randn(6, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    kernel, flat = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.flatten(1).clone())
    ours, theirs = Muon([kernel], lr=0.1), torch.optim.Muon([flat], lr=0.1, weight_decay=0.0)
    for seed in range(3):
        gradient = torch.randn(start.shape, generator=torch.Generator().manual_seed(seed))
        kernel.grad, flat.grad = gradient, gradient.flatten(1)
        ours.step()
        theirs.step()
    moved = (kernel.detach() - start).flatten(1)
    assert torch.allclose(
        moved, flat.detach() - start.flatten(1), atol=0.05 * float(moved.abs().max())
    )  # theirs in bfloat16
    assert moved.abs().max() > 0.05
