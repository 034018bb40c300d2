"""Curvature against the whole Hessian of small networks, and against an invariance."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from weightscape.finetune.curvature import curvature, hessian_products, largest_eigenvalue, signs, traces
from weightscape.finetune.curvature_settings import Measure


def network(seed: int = 0) -> nn.Module:
    """Two layers without biases, whose smooth activation lets every second derivative be."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(6, 5, bias=False), nn.Tanh(), nn.Linear(5, 3, bias=False)).double()


def data(n: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    source = torch.Generator().manual_seed(1)
    return torch.randn(n, 1, 2, 3, generator=source).double(), torch.arange(n) % 3


def hessian(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> np.ndarray:
    """The whole Hessian [d, d] of the network above, written out, by torch's own function."""
    first, second = (parameter.detach() for parameter in model.parameters())

    def loss(flat: torch.Tensor) -> torch.Tensor:
        a, b = flat.split([first.numel(), second.numel()])
        return F.cross_entropy(torch.tanh(x.flatten(1) @ a.view_as(first).T) @ b.view_as(second).T, y)

    flat = torch.cat([first.flatten(), second.flatten()])
    return torch.autograd.functional.hessian(loss, flat).numpy()  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("batch", [12, 5])
def test_products_are_those_of_the_whole_hessian(batch):
    model, (x, y) = network(), data()
    parameters = list(model.parameters())
    product, loss = hessian_products(model, parameters, x, y, batch)
    vector = [torch.randn_like(parameter) for parameter in parameters]
    flat = lambda parts: torch.cat([part.detach().flatten() for part in parts]).numpy()  # noqa: E731
    for _ in range(2):  # the graph is kept
        np.testing.assert_allclose(flat(product(vector)), hessian(model, x, y) @ flat(vector), rtol=1e-9, atol=1e-12)
    assert loss == pytest.approx(F.cross_entropy(model(x), y).item(), rel=1e-12)


def test_traces_agree_within_their_standard_errors():
    model, (x, y) = network(), data()
    parameters = list(model.parameters())
    product, _ = hessian_products(model, parameters, x, y, 12)
    diagonal = np.diag(hessian(model, x, y))
    blocks = np.array([diagonal[:30].sum(), diagonal[30:].sum()])
    scales = np.array([p.detach().square().mean().item() for p in parameters])
    raw, weighted = traces(product, parameters, 400, 3)
    assert abs(raw.mean() - diagonal.sum()) < 4 * raw.std(ddof=1) / 20
    assert abs(weighted.mean() - blocks @ scales) < 4 * weighted.std(ddof=1) / 20
    found = curvature(model, x, y, Measure(12, 12, probes=400, iterations=3), 3)
    assert abs(found.trace - diagonal.sum()) < 4 * found.trace_error
    assert abs(found.weighted_trace - blocks @ scales) < 4 * found.weighted_trace_error


def test_the_largest_eigenvalue_is_bracketed_and_then_exact():
    model, (x, y) = network(), data()
    parameters = list(model.parameters())
    product, _ = hessian_products(model, parameters, x, y, 12)
    values = np.linalg.eigvalsh(hessian(model, x, y))
    for iterations in (3, 6, 30):
        found, error = largest_eigenvalue(product, parameters, iterations, 0)
        assert found <= values[-1] + 1e-9
        assert np.abs(values - found).min() <= error + 1e-9
    assert found == pytest.approx(values[-1], rel=1e-6)


def test_the_weighted_trace_ignores_the_scale_of_layers_and_the_raw_one_does_not():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(6, 5, bias=False), nn.ReLU(), nn.Linear(5, 3)).double()
    x, y = data()
    settings = Measure(12, 12, probes=8, iterations=2)
    before = curvature(model, x, y, settings, 0)
    with torch.no_grad():
        model[1].weight.mul_(4)
        model[3].weight.div_(4)
    after = curvature(model, x, y, settings, 0)
    assert after.weighted_trace == pytest.approx(before.weighted_trace, rel=1e-9)
    assert after.trace != pytest.approx(before.trace, rel=0.1)


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "vit_tiny_patch16_224"])
def test_networks_of_the_study_can_be_differentiated_twice(name):
    from weightscape.networks import building

    model = building.prepared(building.network(name, 4), torch.device("cpu"))
    side = 224 if name.startswith("vit") else 24
    x, y = torch.rand(2, 3, side, side), torch.tensor([0, 1])
    found = curvature(model, x, y, Measure(2, 2, probes=2, iterations=1), 0)
    assert np.isfinite(list(vars(found).values())).all()


def test_the_same_seed_gives_the_same_numbers():
    x, y = data()
    first, again = (curvature(network(), x, y, Measure(12, 5, probes=2, iterations=2), 0) for _ in range(2))
    assert first == again


def test_signs_are_fair_and_of_their_own_in_every_probe_and_parameter():
    parameters = [nn.Parameter(torch.zeros(100, 100)), nn.Parameter(torch.zeros(100, 100, dtype=torch.float64))]
    drawn = [part for probe in (0, 1) for part in signs(parameters, 5, probe)]
    products = torch.stack([part.flatten().double() for part in drawn])
    assert set(products.unique().tolist()) == {-1.0, 1.0}
    gram = products @ products.T / 10_000
    assert (gram - torch.eye(4)).abs().max() < 0.05 and products.mean(1).abs().max() < 0.05


def test_both_traces_come_from_one_product_per_probe_and_biases_are_in_the_raw_one_alone():
    vectors = []
    parameters = [
        *network().parameters(),
        nn.Parameter(torch.ones(7).double()),
        nn.Parameter(torch.zeros(2, 4).double()),
    ]

    def product(vector: list[torch.Tensor]) -> list[torch.Tensor]:
        vectors.append(vector)
        return vector

    samples = traces(product, parameters, 2, 4)
    squares = sum(parameter.square().sum().item() for parameter in parameters[:2])
    np.testing.assert_allclose(samples, [[45 + 7 + 8] * 2, [squares] * 2], rtol=1e-12)
    assert len(vectors) == 2
