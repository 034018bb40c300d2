"""Shares of the spectral engine's CPU time by its steps: `python tests/benchmarks/spectra_profile.py [NETWORK ...]`.

Steps in Python by clocks around their functions, those of the native library by `perf record` (Linux; left out where
it cannot run) of a build that keeps its routines apart. One worker, one BLAS thread, the settings of config.yaml.
"""

import argparse
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from threadpoolctl import threadpool_limits

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow"), str(ROOT / "tests"), str(ROOT / "tests" / "benchmarks")]

from spectra_networks import State, network, state  # noqa: E402

from unit.spectra.measuring import DEFAULT, measure  # noqa: E402
from weightscape.spectra import estimators, powerlaw, row, table, weightwatcher  # noqa: E402
from weightscape.spectra.two_stage import TwoStage  # noqa: E402

CALLS = {
    "native, both stages": [(TwoStage, "_bands"), (TwoStage, "_finish")],
    "search for xmin": [(powerlaw, "search")],
    "MP fit": [(weightwatcher, "bulk")],
    "bulk: outliers, distances": [(estimators, "_bulk")],
    "rounding": [(table, "rounding_of_weights")],
    "finite, constant": [(row, "_checked"), (row, "_status")],
    "names and shapes": [(table, "parts_of")],
    "table": [(table, "_table")],
}
"""Functions of a step where they are looked up; their times do not overlap."""
ROUTINES = {
    "Gram product": r"gram|^pack_|^image_",
    "chase": r"^to_tridiagonal",
    "QL": r"^ql_|^finish",
    "smallest value": r"smallest|factor_band|solve_band|orthonormal|ritz|rayleigh|turn",
    "band reduction": r".",
}
"""Steps of the native library by the names of its routines, the first that fits."""
APART = "-fno-inline-functions-called-once -fno-inline-small-functions"
AGAIN = """
import sys
sys.path[:0] = {paths!r}
from spectra_profile import weights, measure, DEFAULT, threadpool_limits
with threadpool_limits(1):
    for _ in range(3):
        measure(weights({name!r}), settings=DEFAULT)
"""


def weights(name: str) -> State:
    """The weights of a network of torchvision."""
    return state(network(name))


def clocked(work: Callable[..., Any], spent: dict[str, float], step: str) -> Callable[..., Any]:
    """The same function, of which the CPU time is added up under the name of its step."""

    def call(*arguments: Any, **named: Any) -> Any:
        begun = time.thread_time()
        try:
            return work(*arguments, **named)
        finally:
            spent[step] += time.thread_time() - begun

    return call


def shares(name: str) -> dict[str, object]:
    """CPU seconds of a table, and the share of each step in percent, of three repetitions."""
    arrays, spent, whole = weights(name), dict.fromkeys(CALLS, 0.0), 0.0
    with threadpool_limits(1), contextlib.ExitStack() as stack:
        measure(arrays, settings=DEFAULT)
        for step, calls in CALLS.items():
            for owner, function in calls:
                stack.enter_context(patch.object(owner, function, clocked(getattr(owner, function), spent, step)))
        for _ in range(3):
            begun = time.thread_time()
            measure(arrays, settings=DEFAULT)
            whole += time.thread_time() - begun
    steps = {step: seconds / whole for step, seconds in spent.items()}
    native = routines(name)
    found = {step: share * steps["native, both stages"] for step, share in native.items()}
    found |= {step: share for step, share in steps.items() if not (native and step == "native, both stages")}
    found["all else"] = 1 - sum(found.values())
    return {"network": name, "CPU s": f"{whole / 3:.2f}"} | {f"{step}, %": 100 * share for step, share in found.items()}


def routines(name: str) -> dict[str, float]:
    """Shares of the native library's steps in its own time; none where perf cannot run."""
    if shutil.which("perf") is None:
        return {}
    paths = [str(ROOT / "workflow"), str(ROOT / "tests"), str(ROOT / "tests" / "benchmarks")]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "CC": f"{os.environ.get('CC', 'cc')} {APART}"}
    with tempfile.TemporaryDirectory() as folder:
        data = str(Path(folder) / "perf.data")
        code = AGAIN.format(paths=paths, name=name)
        record = ["perf", "record", "-q", "-e", "cpu-clock", "-F", "1999", "-o", data, sys.executable, "-c", code]
        report = ["perf", "report", "-i", data, "--stdio", "-q", "--no-children", "--sort", "dso,symbol"]
        subprocess.run(record, check=False, capture_output=True, env=environment)
        said = subprocess.run(report, check=False, capture_output=True, text=True).stdout
    found = dict.fromkeys(ROUTINES, 0.0)
    for line in said.splitlines():
        match = re.match(r"\s*([\d.]+)%\s+two_stage-\S+\s+\[\.\]\s+(\S+)", line)
        if match:
            step = next(step for step, pattern in ROUTINES.items() if re.search(pattern, match[2]))
            found[step] += float(match[1])
    total = sum(found.values())
    return {step: share / total for step, share in found.items()} if total else {}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("networks", nargs="*", metavar="NETWORK", default=["resnet50", "vit_b_16"])
    for line in map(shares, parser.parse_args().networks):
        cells = (f"{value:.1f}" if isinstance(value, float) else value for value in line.values())
        print("\n".join(f"{step:30} {cell}" for step, cell in zip(line, cells, strict=True)), end="\n\n")
