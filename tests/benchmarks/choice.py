"""CPU seconds and memory of choices by diversity, beside those of other libraries; prints one line each.

    OMP_NUM_THREADS=1 python tests/benchmarks/choice.py [--rows 50000] [--columns 512] [--budget 5000] [METHOD ...]
    OMP_NUM_THREADS=1 python tests/benchmarks/choice.py --rows 3000 --budget 300 --libraries

The goal of every method at the default size is 60 CPU s and 1 GB.

The rows are embeddings as networks give them: a mean, a spectrum that falls, and clusters. Libraries that are
installed are compared at equal budgets: apricot-select, submodlib-py, dppy.
"""

import argparse
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow"))

from weightscape.diversity import objectives
from weightscape.diversity.choice import METHODS, Pool, choose
from weightscape.diversity.rows import unit_rows


def embeddings(count: int, dimensions: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    spectrum = np.arange(1, dimensions + 1) ** -0.5
    centres = rng.standard_normal((50, dimensions)) * spectrum
    rows = rng.standard_normal((count, dimensions)) * spectrum + centres[rng.integers(0, 50, count)] + spectrum
    return rows.astype(np.float32)


def dppy_map(rows: np.ndarray, budget: int) -> None:
    from dppy.finite_dpps import FiniteDPP  # pyright: ignore[reportMissingImports]

    kernel = rows @ rows.T
    FiniteDPP("likelihood", L=kernel / objectives.RIDGE).sample_exact_k_dpp(budget)


def apricot_greedy(rows: np.ndarray, budget: int) -> None:
    from apricot import FacilityLocationSelection  # pyright: ignore[reportMissingImports]

    FacilityLocationSelection(budget, metric="cosine", optimizer="lazy").fit(rows)


def submodlib(name: str) -> Callable[[np.ndarray, int], None]:
    def run(rows: np.ndarray, budget: int) -> None:
        import submodlib  # pyright: ignore[reportMissingImports]

        kind, options = getattr(submodlib, name), {"mode": "dense", "data": rows, "metric": "cosine"}
        if name == "LogDeterminantFunction":
            options["lambdaVal"] = objectives.RIDGE
        function = kind(n=len(rows), **options)
        function.maximize(budget=budget, optimizer="LazyGreedy", stopIfZeroGain=False, stopIfNegativeGain=False)

    return run


LIBRARIES: dict[str, Callable[[np.ndarray, int], None]] = {
    "dppy k-DPP sample": dppy_map,
    "apricot facility_location": apricot_greedy,
    "submodlib log_det": submodlib("LogDeterminantFunction"),
    "submodlib facility_location": submodlib("FacilityLocationFunction"),
}


def timed(name: str, run: Callable[[], object]) -> None:
    start = time.process_time()
    try:
        run()
    except ImportError as error:
        print(f"{name}: not installed ({error})")
        return
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{name}: {time.process_time() - start:.2f} CPU s; peak of the process so far {peak:.0f} MB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("methods", nargs="*", default=list(METHODS))
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--columns", type=int, default=512)
    parser.add_argument("--budget", type=int, default=5_000)
    parser.add_argument("--isotropic", action="store_true", help="rows without clusters, alike in all directions")
    parser.add_argument("--libraries", action="store_true")
    arguments = parser.parse_args()
    shape = arguments.rows, arguments.columns
    rows = np.random.default_rng(0).standard_normal(shape) if arguments.isotropic else embeddings(*shape)
    for method in arguments.methods:
        timed(method, lambda method=method: choose(method, Pool(rows), arguments.budget, np.random.default_rng(0)))
    if arguments.libraries:
        directions = unit_rows(rows)[:, :-1].copy()
        for name, run in LIBRARIES.items():
            timed(name, lambda run=run: run(directions, arguments.budget))


if __name__ == "__main__":
    main()
