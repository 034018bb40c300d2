"""Networks by the spectral engine and by weightwatcher, with one BLAS thread: the lines of the first tables, as JSON.

python tests/benchmarks/spectra_networks.py resnet18 vit_b_16
"""

import argparse
import contextlib
import io
import json
import logging
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torchvision
from threadpoolctl import threadpool_info, threadpool_limits

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow"), str(ROOT / "tests")]

from unit.spectra.measuring import chosen, measure  # noqa: E402
from weightscape.spectra.columns import WATCHER  # noqa: E402
from weightscape.spectra.compiled import widest  # noqa: E402
from weightscape.spectra.matrices import Part  # noqa: E402
from weightscape.spectra.table import parts_of  # noqa: E402

BARE = chosen(mp_fit=False, overlaps=False, spacing=False)
NOT_COMPARED = {"ww_scale", "rand_distance", "max_rand_eval", "ww_softrank"}
FITTED = {"sigma_mp", "bulk_min", "bulk_max", "num_spikes", "mp_softrank"}
State = dict[str, np.ndarray]


def network(name: str, seed: int = 0) -> torch.nn.Module:
    """A randomly initialised torchvision network."""
    torch.manual_seed(seed)
    return getattr(torchvision.models, name)(weights=None)


def state(model: torch.nn.Module) -> State:
    """Its state dict as arrays."""
    return {name: tensor.numpy() for name, tensor in model.state_dict().items()}


def watch(model: torch.nn.Module, **options: object) -> pd.DataFrame:
    """weightwatcher's table, silently."""
    import weightwatcher

    silence = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
    with warnings.catch_warnings(), silence[0], silence[1]:
        warnings.simplefilter("ignore")
        return weightwatcher.WeightWatcher(model=model).analyze(**options)


def timed(work: Callable[[], object], repeat: int = 1) -> tuple[float, float]:
    """Least CPU and wall time of the repetitions, in seconds."""
    best = (np.inf, np.inf)
    for _ in range(repeat):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        best = (min(best[0], time.process_time() - cpu), min(best[1], time.perf_counter() - wall))
    return best


def gemm_rate() -> float:
    """Floating-point operations per second of a 1024-square float64 product on one thread."""
    matrix = np.random.default_rng(0).standard_normal((1024, 1024))
    with threadpool_limits(1):
        return 2 * 1024**3 / timed(lambda: matrix @ matrix, 8)[0]


def operations(parts: list[Part]) -> float:
    """Of the triangles of the Gram matrices (N M^2) and of tridiagonalisations (4/3 M^3), were all of it products."""
    return sum(
        part.slices * (part.larger * part.smaller**2 + 4 / 3 * part.smaller**3) for part in parts if part.status == "ok"
    )


def kernels() -> str:
    """The kernels of the BLAS libraries in this process."""
    found = {each["architecture"] for each in threadpool_info() if each["internal_api"] == "openblas"}
    return " and ".join(sorted(found))


def seen(arrays: State, table: pd.DataFrame) -> State:
    """The weights that weightwatcher measured."""
    names = set(table["longname"])
    return {key: array for key, array in arrays.items() if key.removesuffix(".weight") in names}


def worst_difference(theirs: pd.DataFrame, mine: pd.DataFrame, fitted: bool) -> float:
    """Largest relative difference over shared columns and layers (sv_min of single matrices only)."""
    left, right = theirs.set_index("longname"), mine.set_index("layer")
    names = left.index.intersection(right.index[right["status"] == "ok"])
    worst = 0.0
    for column in set(WATCHER) - NOT_COMPARED - (set() if fitted else FITTED):
        chosen = names[left.loc[names, "rf"] == 1] if column == "sv_min" else names
        expected = left.loc[chosen, column].to_numpy(float)
        difference = np.abs(right.loc[chosen, column].to_numpy(float) - expected)
        worst = max(worst, float((difference / np.maximum(np.abs(expected), 1e-300)).max(initial=0.0)))
    return worst


def routes() -> dict[str, int]:
    """Our routes here, by the lanes that stand for each."""
    names = {8: "8 lanes", 4: "4 lanes", 0: "LAPACK"}
    return {name: lanes for lanes, name in names.items() if lanes <= (widest() or 0)}


def in_turns(works: Mapping[str, Callable[[], object]], repeat: int) -> dict[str, tuple[float, float]]:
    """Least CPU and wall time of each work, of repetitions that take turns."""
    best = dict.fromkeys(works, (np.inf, np.inf))
    for _ in range(repeat):
        for name, work in works.items():
            best[name] = tuple(np.minimum(best[name], timed(work)))
    return best


def compare_model(name: str, rate: float, repeat: int, dead: float = 0) -> list[dict[str, object]]:
    """Lines of the first table: one network by all routes; `dead` of its filters at 1e-20."""
    model = network(name)
    for module in model.modules() if dead else ():
        if isinstance(module, torch.nn.Conv2d):
            module.weight.data[: int(np.ceil(dead * len(module.weight)))] *= 1e-20
    with threadpool_limits(1):
        table = watch(model)
        weights = seen(state(model), table)
        tables = {route: measure(weights, settings=BARE, lanes=lanes)[0] for route, lanes in routes().items()}
        works = {"weightwatcher": lambda: watch(model)}
        for route, lanes in routes().items():
            works[route] = lambda lanes=lanes: measure(weights, settings=BARE, lanes=lanes)
            works[f"two {route}"] = lambda lanes=lanes: measure(weights, settings=BARE, lanes=lanes, workers=2)
        took = in_turns(works, repeat)
    bound = operations(parts_of(weights)) / rate
    (their_cpu, their_wall) = took["weightwatcher"]
    return [
        {
            "network": f"{name}, {dead:.0%} dead" if dead else name,
            "layers": len(table),
            "BLAS": kernels(),
            "route": route,
            "weightwatcher CPU s": their_cpu,
            "ours CPU s": took[route][0],
            "CPU ratio": their_cpu / took[route][0],
            "ours wall s (2 workers)": took[f"two {route}"][1],
            "wall ratio": their_wall / took[f"two {route}"][1],
            "share of product rate": bound / took[route][0],
            "worst relative difference": worst_difference(table, tables[route], fitted=False),
        }
        for route in routes()
    ]


def compare_models(models: Sequence[str], repeat: int) -> list[dict[str, object]]:
    """All networks, and one with dead filters."""
    rate = gemm_rate()
    lines = [line for name in models for line in compare_model(name, rate, repeat)]
    return lines + [line | {"dgemm GFlop/s": rate / 1e9} for line in compare_model("resnet34", rate, repeat, dead=0.02)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", help="networks of torchvision")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    watch(torch.nn.ModuleDict({"warm": torch.nn.Linear(30, 30)}))
    print(json.dumps(compare_models(asked.networks, repeat=4)))
