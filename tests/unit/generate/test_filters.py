"""The filter: how near its estimate comes, what it knows of its own error, and pictures along their axes of colour."""

from dataclasses import replace

import pytest
import torch

from weightscape.generate import denoiser, filters
from weightscape.generate.model_settings import ModelSettings

MODEL = ModelSettings(patch=2, channels=(8,), layers=1, schedule="flow", filter=True)
SIDE = 16


def squares(count: int, seed: int) -> torch.Tensor:
    """Squares anywhere, in any colour on any ground."""
    stream = torch.Generator().manual_seed(seed)
    images = torch.rand(count, 3, 1, 1, generator=stream).repeat(1, 1, SIDE, SIDE) * 2 - 1
    for image in images:
        row, column = torch.randint(0, SIDE // 2, (2,), generator=stream).tolist()
        image[:, row : row + 8, column : column + 8] = torch.rand(3, 1, 1, generator=stream) * 2 - 1
    return images


def noised(images: torch.Tensor, time: int, schedule: str) -> tuple[torch.Tensor, torch.Tensor]:
    image, noise = (shares[time] for shares in denoiser.scales(replace(MODEL, schedule=schedule)))
    drawn = torch.randn(images.shape, generator=torch.Generator().manual_seed(time))
    return image * images + noise * drawn, torch.full((len(images),), time)


@pytest.fixture(scope="module", params=["flow", "squaredcos_cap_v2"])
def fitted(request: pytest.FixtureRequest) -> tuple[filters.Filter, str]:
    filtered = filters.Filter(denoiser.scales(replace(MODEL, schedule=request.param)), (3, SIDE, SIDE))
    filtered.fit(squares(100, 0), seed=1)
    return filtered, request.param


@pytest.mark.parametrize("time", [100, 300, 500])
def test_the_blend_is_nearer_than_the_linear_estimate_and_its_error_is_known(
    fitted: tuple[filters.Filter, str], time: int
) -> None:
    filtered, schedule = fitted
    clean = squares(100, 2)
    noisy, times = noised(clean, time, schedule)
    linear = (filtered._parts(noisy, times)[0] - clean).square().mean().sqrt()
    blend = (filtered.estimate(noisy, times)[0] - clean).square().mean().sqrt()
    assert blend < 0.97 * linear
    assert float(blend) == pytest.approx(float(filtered.errors(times)[0]), rel=0.15)


def test_a_network_that_adds_nothing_answers_the_blend(fitted: tuple[filters.Filter, str]) -> None:
    filtered, schedule = fitted
    model = denoiser.network(replace(MODEL, schedule=schedule), 2, (3, SIDE, SIDE), "cpu")
    assert isinstance(model, filters.Continued)
    model.filter.load_state_dict(filtered.state_dict())
    torch.nn.init.zeros_(model.get_parameter("net.conv_out.bias"))
    noisy, times = noised(squares(3, 2), 500, schedule)
    grid = torch.nn.functional.pixel_unshuffle(noisy, MODEL.patch)
    (answer,) = model(grid, times, torch.zeros(3, dtype=torch.int64))
    blend = torch.nn.functional.pixel_unshuffle(filtered.estimate(noisy, times)[0], MODEL.patch)
    torch.testing.assert_close(answer, blend)
    torch.nn.init.ones_(model.get_parameter("net.conv_out.weight"))
    assert not torch.allclose(model(grid, times, torch.zeros(3, dtype=torch.int64))[0], blend)


def test_a_figure_looks_alike_along_its_axes_in_any_colours() -> None:
    figure = torch.zeros(1, SIDE, SIDE)
    figure[:, 3:11, 4:12] = 1
    seen = []
    for ground, other in (([0.9, -0.5, 0.1], [-0.7, 0.2, 0.3]), ([-0.2, 0.8, -0.9], [0.5, 0.5, 0.6])):
        ground, other = (torch.tensor(colour).view(3, 1, 1) for colour in (ground, other))
        picture = (ground * (1 - figure) + other * figure)[None]
        axes, middle, size = filters._axes(picture)
        torch.testing.assert_close(axes @ axes.mT, torch.eye(3)[None])
        along = filters._turned(axes.mT, picture - middle) / (size - 0.1)
        torch.testing.assert_close(filters._turned(axes, along * (size - 0.1)) + middle, picture)
        assert along[0, 0].mean() < along[0, 0, 5, 5] and along[0, 1:].abs().max() < 1e-3
        seen.append(along[0, 0])
    torch.testing.assert_close(*seen)
