"""Columns of seven kinds of networks by the spectral engine and by weightwatcher: how many differ by more than 1e-9.

python tests/benchmarks/spectra_equality.py [NETWORK ...] [--fitted]

`--fitted` adds the columns of the Marchenko-Pastur fit, which take weightwatcher minutes a network.
"""

import argparse
import logging
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits
from torch import nn

sys.path.insert(0, str(Path(__file__).parent))

from spectra_networks import FITTED, NOT_COMPARED, chosen, kernels, measure, network, state, watch

from weightscape.spectra.columns import WATCHER

EQUAL = 1e-9


def heavy(draw: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]) -> nn.Module:
    """A resnet34 whose weights are drawn so, of the size that they had."""
    net, random = network("resnet34"), np.random.default_rng(0)
    for parameter in net.parameters():
        if parameter.ndim > 1:
            values = draw(random, tuple(parameter.shape)) * float(parameter.std())
            parameter.data = torch.from_numpy(values.astype(np.float32))
    return net


def graded(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Noise times heavy tails of its rows and of its columns."""
    sides = [random.pareto(1.5, side) + 1 for side in shape[:2]]
    scales = np.multiply.outer(*sides).reshape(*shape[:2], *[1] * (len(shape) - 2))
    return random.standard_normal(shape) * scales


def decoder() -> nn.Module:
    """A small GPT-2 of Hugging Face."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(n_layer=4, n_embd=256, n_head=4, vocab_size=2000, n_positions=128))


def tagger() -> nn.Module:
    """An embedding, a recurrent layer and a classifier."""
    torch.manual_seed(0)
    return nn.ModuleDict({"e": nn.Embedding(500, 64), "rnn": nn.LSTM(64, 96, 2), "out": nn.Linear(96, 20)})


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "densenet121": lambda: network("densenet121"),
    "swin_t": lambda: network("swin_t"),
    "resnet34, Student 2.5": lambda: heavy(lambda random, shape: random.standard_t(2.5, shape)),
    "resnet34, rows and columns Pareto 1.5": lambda: heavy(graded),
    "convnext_tiny": lambda: network("convnext_tiny"),
    "GPT-2, four layers": decoder,
    "LSTM tagger": tagger,
}


def compared(name: str, fitted: bool) -> dict[str, object]:
    """Rows in both tables, and the columns that differ with the number of rows."""
    net = NETWORKS[name]()
    settings = chosen(mp_fit=fitted, overlaps=False, spacing=False)
    with threadpool_limits(1):
        theirs = watch(net, mp_fit=fitted).set_index("longname")
        mine = measure(state(net), settings=settings)[0]
    mine = mine[(mine["status"] == "ok") & (mine["part"] == "weight")].set_index("layer")
    names = theirs.index.intersection(mine.index)
    columns = set(WATCHER) - NOT_COMPARED - (set() if fitted else FITTED)
    off = {column: _off(theirs.loc[names, column], mine.loc[names, column]) for column in columns & set(theirs.columns)}
    pooled = theirs.loc[names, "rf"] > 1
    told = [
        f"{column} {int(rows.sum())} ({int((rows & pooled).sum())} pooled)"
        for column, rows in off.items()
        if rows.any()
    ]
    return {
        "network": name,
        "rows of weightwatcher": len(theirs),
        "compared": len(names),
        "columns": len(off),
        "rows that differ": ", ".join(sorted(told)) or "none",
    }


def _off(theirs: pd.Series, mine: pd.Series) -> pd.Series:
    """Which values differ; values that are both undefined do not."""
    left, right = theirs.to_numpy(float), mine.to_numpy(float)
    close = np.isclose(left, right, rtol=EQUAL, atol=0, equal_nan=True)
    return pd.Series(~close, theirs.index)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("networks", nargs="*", metavar="NETWORK", default=list(NETWORKS))
    parser.add_argument("--fitted", action="store_true", help="with the Marchenko-Pastur fit")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    watch(nn.ModuleDict({"warm": nn.Linear(30, 30)}))
    print("BLAS:", kernels())
    for chosen_name in arguments.networks:
        print("| " + " | ".join(map(str, compared(chosen_name, arguments.fitted).values())) + " |", flush=True)
