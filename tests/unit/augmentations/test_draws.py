import torch
from scipy import stats

from weightscape.augmentations.draws import Draws


def drawn(rows: torch.Tensor, epoch: int = 0, seed: int = 5) -> torch.Tensor:
    return Draws(seed, torch.full_like(rows, epoch), rows).uniform("affine", 4)


def test_an_image_draws_the_same_in_every_batch() -> None:
    rows = torch.arange(100)
    whole = drawn(rows)
    order = torch.randperm(100)
    assert torch.equal(drawn(rows[order]), whole[order])
    assert torch.equal(torch.cat([drawn(part) for part in rows.split(7)]), whole)


def test_epochs_runs_streams_and_images_draw_differently() -> None:
    rows = torch.arange(2000)
    base = drawn(rows)
    others = [
        drawn(rows, epoch=1),
        drawn(rows, seed=6),
        Draws(5, 0 * rows, rows).uniform("noise", 4),
        base.roll(1, 0),
    ]
    for other in others:
        assert abs(torch.corrcoef(torch.stack([base.flatten(), other.flatten()]))[0, 1]) < 0.05


def test_draws_are_uniform_and_normal() -> None:
    draws = Draws(1, torch.zeros(20_000, dtype=torch.int64), torch.arange(20_000))
    assert stats.kstest(draws.uniform("a", 1).flatten().numpy(), "uniform").pvalue > 1e-3
    assert stats.kstest(draws.normal("a", 1).flatten().numpy(), "norm").pvalue > 1e-3
