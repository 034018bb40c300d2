"""CPU seconds of the command and of `ws.spectra` without OMP_NUM_THREADS, over those with OMP_NUM_THREADS=1.

Idle threads of OpenBLAS wait for work in a loop, which costs CPU and shortens nothing. The goal is a ratio of 1.05 at
most. Processes of both kinds take turns, and the least of each counts; of `ws.spectra` that is a second call in a
session that has loaded numpy and scipy.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

ROOT = Path(__file__).resolve().parents[2]
LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
SESSION = """
import sys, time
import numpy, scipy.linalg
import weightscape as ws
ws.spectra(sys.argv[1])
start = time.process_time()
ws.spectra(sys.argv[1])
print(time.process_time() - start)
"""


def environment(is_limited: bool) -> dict[str, str]:
    """The environment with one thread for OpenBLAS, or without a word on threads."""
    kept = {name: value for name, value in os.environ.items() if name not in LIMITS}
    paths = os.pathsep.join(filter(None, (str(ROOT / "workflow"), os.environ.get("PYTHONPATH"))))
    return kept | {"PYTHONPATH": paths} | ({"OMP_NUM_THREADS": "1"} if is_limited else {})


def of_command(file: Path, is_limited: bool) -> float:
    """CPU seconds of `weightscape spectra`, its start included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    line = [sys.executable, "-m", "weightscape.cli", "spectra", str(file), "--out", str(file.with_suffix(".csv"))]
    subprocess.run(line, env=environment(is_limited), check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def of_session(file: Path, is_limited: bool) -> float:
    """CPU seconds of a second call of `ws.spectra` in one session."""
    line = [sys.executable, "-c", SESSION, str(file)]
    done = subprocess.run(line, env=environment(is_limited), check=True, capture_output=True, text=True)
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--layers", type=int, default=24, help="random square matrices of the network (default 24)")
    parser.add_argument("--side", type=int, default=512, help="their side (default 512)")
    parser.add_argument("--repeats", type=int, default=5, help="processes of each kind (default 5)")
    arguments = parser.parse_args()
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.safetensors"
        sides = (arguments.side, arguments.side)
        save_file({f"{at}.weight": random.normal(size=sides).astype("f4") for at in range(arguments.layers)}, file)
        for name, measured in (("weightscape spectra", of_command), ("ws.spectra", of_session)):
            pairs = [(measured(file, False), measured(file, True)) for _ in range(arguments.repeats)]
            free, limited = (min(times) for times in zip(*pairs, strict=True))
            middle = statistics.median(one / other for one, other in pairs)
            print(f"{name}: {free:.2f} s / {limited:.2f} s = {free / limited:.3f} (median of pairs {middle:.3f})")


if __name__ == "__main__":
    main()
