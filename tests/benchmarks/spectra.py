"""The spectral engine beside weightwatcher, in one process: time, memory, agreement.

Writes results/bench/spectra.md.

    python tests/benchmarks/spectra.py [--quick]

CPU times are the least of the repetitions with one BLAS thread; wall times use weightwatcher's defaults (all
BLAS threads) and our two workers. Timings on a shared machine are noisy: read the ratios.
"""

import argparse
import contextlib
import io
import logging
import subprocess
import sys
import time
import tracemalloc
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torchvision
from threadpoolctl import threadpool_limits

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow"), str(ROOT / "tests")]

from unit.spectra.measuring import chosen, measure  # noqa: E402
from weightscape.spectra import marchenko_pastur  # noqa: E402
from weightscape.spectra.columns import WATCHER  # noqa: E402
from weightscape.spectra.matrices import Part  # noqa: E402
from weightscape.spectra.table import MATRICES, parts_of  # noqa: E402

BARE = chosen(mp_fit=False, overlaps=False, spacing=False)
NOT_COMPARED = {"ww_scale", "rand_distance", "max_rand_eval", "ww_softrank"}
FITTED = {"sigma_mp", "bulk_min", "bulk_max", "num_spikes", "mp_softrank"}
UPDATES = chosen(mp_fit=False, spacing=False)
SMALL = "squeezenet1_1"
MODELS = ("resnet18", "resnet50", "vit_b_16")
State = dict[str, np.ndarray]
Timed = Sequence[float] | np.ndarray


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
    """Of the Gram matrices (2 N M^2) and tridiagonalisations (4/3 M^3), were all of it matrix products."""
    return sum(
        part.slices * (2 * part.larger * part.smaller**2 + 4 / 3 * part.smaller**3)
        for part in parts
        if part.status == "ok"
    )


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


def compare_model(name: str, rate: float, repeat: int) -> dict[str, object]:
    """One line of the first table."""
    model = network(name)
    with threadpool_limits(1):
        tables: list[pd.DataFrame] = []
        their_cpu, _ = timed(lambda: tables.append(watch(model)))
        table = tables[0]
        weights = seen(state(model), table)
        mine, _ = measure(weights, settings=BARE)
        our_cpu, _ = timed(lambda: measure(weights, settings=BARE), repeat)
    _, their_wall = timed(lambda: watch(model))
    _, our_wall = timed(lambda: measure(weights, settings=BARE, workers=2), repeat)
    bound = operations(parts_of(weights)) / rate
    return {
        "network": name,
        "layers": len(table),
        "weightwatcher CPU s": their_cpu,
        "ours CPU s": our_cpu,
        "CPU ratio": their_cpu / our_cpu,
        "weightwatcher wall s": their_wall,
        "ours wall s (2 workers)": our_wall,
        "wall ratio": their_wall / our_wall,
        "GEMM bound CPU s": bound,
        "share of bound": bound / our_cpu,
        "worst relative difference": worst_difference(table, mine, fitted=False),
    }


def compare_fit(layers: int) -> dict[str, object]:
    """The Marchenko-Pastur fit alone, on the largest spectra of resnet18, and its agreement."""
    import weightwatcher

    _, spectra = measure(state(network("resnet18")), settings=BARE)
    shapes = {part.layer: (part.larger, part.smaller) for part in parts_of(state(network("resnet18")))}
    watcher = weightwatcher.WeightWatcher()
    theirs, ours, worst = np.zeros(2), np.zeros(2), 0.0
    for name, values in sorted(spectra.items(), key=lambda item: -len(item[1]))[: 3 * layers : 3]:
        larger, smaller = shapes[name.split("/")[1]]
        arguments = (values, larger, smaller, 1, "", 0, 0, False, False, "", "", 0.6, True, values)
        found: list[float] = []
        with threadpool_limits(1):
            theirs += timed(lambda a=arguments, f=found: f.append(watcher.mp_fit(*a)[1]))
            fit = marchenko_pastur.fit_bulk(values, larger, smaller)
            ours += timed(lambda v=values, n=larger, m=smaller: marchenko_pastur.fit_bulk(v, n, m), 3)
        worst = max(worst, abs(fit.sigma / found[0] - 1) if fit else np.inf)
    return _phase(f"mp_fit, {layers} layers of resnet18", theirs, ours, worst)


def compare_null() -> dict[str, object]:
    """Default metrics and the random null on three layers; weightwatcher fits the null's bulk too."""
    torch.manual_seed(0)
    model = torch.nn.ModuleDict(
        {
            "conv": torch.nn.Conv2d(128, 128, 3),
            "square": torch.nn.Linear(512, 512),
            "fc": torch.nn.Linear(512, 1000),
        }
    )
    weights = state(model)
    settings = chosen(null=True, mp_fit=False, overlaps=False, spacing=False)
    with threadpool_limits(1):
        theirs = timed(lambda: watch(model, randomize=True, mp_fit=False))
        ours = timed(lambda: measure(weights, settings=settings), 2)
    return _phase("with the random null, three layers", theirs, ours, np.nan)


def compare_many(count: int) -> dict[str, object]:
    """A list of checkpoints of one shape, one after the other."""
    models = [network(SMALL, seed) for seed in range(count)]
    states = [state(model) for model in models]
    tables: list[pd.DataFrame] = []
    mine: list[pd.DataFrame] = []
    with threadpool_limits(1):
        theirs = timed(lambda: tables.extend(watch(model) for model in models))
        ours = timed(lambda: mine.extend(measure(weights, settings=BARE)[0] for weights in states))
    worst = max(worst_difference(*pair, fitted=False) for pair in zip(tables, mine, strict=True))
    return _phase(f"{count} checkpoints of {SMALL}", theirs, ours, worst)


def _phase(name: str, theirs: Timed, ours: Timed, worst: float) -> dict[str, object]:
    """A line of the second table, from CPU and wall times on one BLAS thread."""
    return {
        "phase": name,
        "weightwatcher CPU s": float(theirs[0]),
        "ours CPU s": float(ours[0]),
        "CPU ratio": float(theirs[0] / ours[0]),
        "weightwatcher wall s": float(theirs[1]),
        "ours wall s": float(ours[1]),
        "wall ratio": float(theirs[1] / ours[1]),
        "worst relative difference": worst,
    }


def memory(name: str) -> dict[str, object]:
    """Peak of allocations beyond the weights, in MB; of ours also with the weights before and the update."""
    model = network(name)
    weights, before = state(model), state(network(name, 1))
    peaks = []
    for work in (
        lambda: watch(model),
        lambda: measure(weights, settings=BARE),
        lambda: measure(weights, before, settings=UPDATES, matrices=MATRICES),
    ):
        tracemalloc.start()
        work()
        peaks.append(tracemalloc.get_traced_memory()[1] / 1e6)
        tracemalloc.stop()
    largest = 8 * max(part.slices * part.larger * part.smaller for part in parts_of(weights)) / 1e6
    return {
        "network": name,
        "weightwatcher peak MB": peaks[0],
        "ours peak MB": peaks[1],
        "largest weight in float64 MB": largest,
        "ours / largest weight": peaks[1] / largest,
        "ours with update MB": peaks[2],
        "ours with update / largest weight": peaks[2] / largest,
    }


def where(name: str, rate: float) -> dict[str, object]:
    """Shares of our CPU time, and what the ratio would be were there nothing but LAPACK and BLAS."""
    weights = state(network(name))
    found = [part for part in parts_of(weights) if part.status == "ok"]
    grams = [(part.slices, rng_gram(part.smaller)) for part in found]
    products = [np.random.default_rng(0).standard_normal((part.larger, part.smaller)) for part in found]
    with threadpool_limits(1):
        whole, _ = timed(lambda: measure(weights, settings=BARE), 3)
        lapack, _ = timed(lambda: [np.linalg.eigvalsh(gram) for slices, gram in grams for _ in range(slices)], 3)
        blas, _ = timed(
            lambda: [each.T @ each for each, part in zip(products, found, strict=True) for _ in range(part.slices)], 3
        )
    cubes = sum(part.slices * 4 / 3 * part.smaller**3 for part in found)
    return {
        "network": name,
        "all CPU s": whole,
        "LAPACK eigenvalues alone": lapack,
        "Gram products alone": blas,
        "all else": whole - lapack - blas,
        "LAPACK GFlop/s": cubes / lapack / 1e9,
        "dgemm GFlop/s": rate / 1e9,
    }


def rng_gram(side: int) -> np.ndarray:
    """A Gram matrix of noise."""
    matrix = np.random.default_rng(side).standard_normal((2 * side, side))
    return matrix.T @ matrix


FIRST_ROW = """
import sys, time
import weightscape.spectra.table as layers
measured = layers.measured
def first(*arguments):
    row = measured(*arguments)
    layers.measured = measured
    print(time.time(), "torch" in sys.modules, file=sys.stderr)
    return row
layers.measured = first
from weightscape.cli import main
main(sys.argv[1:])
"""


def first_row(path: Path) -> dict[str, object]:
    """Wall time from the start of a process to the first row, and whether torch was imported."""
    command = [sys.executable, "-c", FIRST_ROW, "spectra", str(path), "--out", str(path.with_suffix(".csv"))]
    environment = {"PYTHONPATH": str(ROOT / "workflow"), "OPENBLAS_NUM_THREADS": "1"}
    took, torch_too = [], set()
    for _ in range(3):
        begun = time.time()
        said = subprocess.run(command, check=True, capture_output=True, env=environment, text=True).stderr.split()
        at = next(n for n, word in enumerate(said) if word in ("True", "False"))
        took.append(float(said[at - 1]) - begun)
        torch_too.add(said[at])
    words = "torch imported" if "True" in torch_too else "torch not imported"
    return {"command": f"the same, from start to the first row ({words})", "wall s": min(took)}


def start(path: Path) -> dict[str, object]:
    """Wall time of the whole command on a file, in a process of its own."""
    from safetensors.numpy import save_file

    random = np.random.default_rng(0)
    save_file({f"layers.{i}.weight": random.standard_normal((128, 64), np.float32) for i in range(50)}, path)
    command = [
        sys.executable,
        "-m",
        "weightscape.cli",
        "spectra",
        str(path),
        "--out",
        str(path.with_suffix(".csv")),
    ]
    environment = {"PYTHONPATH": str(ROOT / "workflow"), "OPENBLAS_NUM_THREADS": "1"}
    _, wall = timed(lambda: subprocess.run(command, check=True, capture_output=True, env=environment), 3)
    return {
        "command": "weightscape spectra, 50 layers of 128 x 64, from start to the last row",
        "wall s": wall,
    }


def text(rows: list[dict[str, object]]) -> str:
    """A markdown table."""
    lines = [
        list(rows[0]),
        ["---"] * len(rows[0]),
        *([_cell(value) for value in row.values()] for row in rows),
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def report(sections: Mapping[str, str]) -> str:
    """The page."""
    body = "\n\n".join(f"## {title}\n\n{content}" for title, content in sections.items())
    return f"# Spectra: weightwatcher 0.7.7 and ours\n\n{__doc__.split(chr(10) * 2)[-1].strip()}\n\n{body}\n"


def main() -> None:
    """Run all and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="resnet18 only, few repetitions")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "bench" / "spectra.md")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    watch(torch.nn.ModuleDict({"warm": torch.nn.Linear(30, 30)}))
    models, repeat = (MODELS[:1], 1) if arguments.quick else (MODELS, 3)
    rate = gemm_rate()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    begin = arguments.out.with_name("start.safetensors")
    sections = {
        f"Default metrics (dgemm {rate / 1e9:.0f} GFlop/s)": text(
            [compare_model(name, rate, repeat) for name in models]
        ),
        "Phases": text(
            [
                compare_fit(2 if arguments.quick else 5),
                compare_null(),
                compare_many(3 if arguments.quick else 20),
            ]
        ),
        "Memory": text([memory(name) for name in (*models, SMALL)]),
        "Where our time goes": text([where(name, rate) for name in models]),
        "Start": text([start(begin), first_row(begin)]),
    }
    arguments.out.write_text(report(sections))
    print(arguments.out.read_text())


if __name__ == "__main__":
    main()
