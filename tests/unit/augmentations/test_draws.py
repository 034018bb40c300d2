import torch
from scipy import stats

from weightscape.augmentations.draws import Draws
from weightscape.seeds import seed


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


def test_the_host_draws_what_the_device_draws() -> None:
    draws = Draws(3, torch.full((50,), 2), torch.arange(50) * 10**15)
    assert torch.equal(torch.from_numpy(draws.host("erasing", 3, 5)), draws.uniform("erasing", 3, 5))


def test_draws_are_those_of_splitmix64() -> None:
    """The finaliser of Steele, Lea & Flood (2014) in Python's whole numbers."""

    def mixed(x: int) -> int:
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB % 2**64
        return x ^ (x >> 31)

    golden, epoch, row = 0x9E3779B97F4A7C15, 4, 11
    key = mixed((mixed((7 * 2 + 1 + epoch * golden) % 2**64) + row * golden) % 2**64)
    start = mixed(key ^ (seed("draws", "affine") % 2**64))
    expected = [(mixed((start + count * golden) % 2**64) >> 40) / 2**24 for count in (1, 2, 3)]
    assert Draws(7, torch.tensor([epoch]), torch.tensor([row])).host("affine", 3).tolist() == [expected]
