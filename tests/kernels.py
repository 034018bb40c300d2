"""Runs the numerical tests once under each kernel of OpenBLAS that this CPU has, and once as OpenBLAS chooses.

Kernels differ in the last bits and in what they leave of zeros. Each has a process of its own, which alone sees
OPENBLAS_CORETYPE, and which reports the kernel that runs in it: python tests/kernels.py --workers 2
"""

import argparse
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
KERNELS = {"Haswell": "avx2", "SkylakeX": "avx512f", "Sandybridge": "avx"}
"""The CPU's flag without which a kernel cannot run."""
VARIABLES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
TESTS = (
    "tests/unit/metrics",
    *(
        f"tests/unit/diversity/test_{name}.py"
        for name in ("choice", "facility", "geometry", "vendi", "weighted", "reference")
    ),
    "tests/unit/published/test_analysis.py",
    "tests/unit/spectra",
    "tests/unit/finetune/test_curvature.py",
)
LEFT_OUT = ("checkpoint", "command", "table_memory", "differentiated_twice", "twelve_layers")
"""Words in the names of tests that are slow and not of the BLAS: files, commands, large networks."""


def main(argv: list[str] | None = None) -> int:
    """Runs the tests under every kernel, and says of each how it ended and in how many seconds."""
    parser = argparse.ArgumentParser(description="Runs the numerical tests under each kernel of OpenBLAS.")
    parser.add_argument("--workers", default="1", help="processes of pytest under each kernel")
    parser.add_argument("--inside", metavar="KERNEL", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.inside:
        return inside(arguments.inside, arguments.workers)
    here = [kernel for kernel, flag in KERNELS.items() if flag in flags()]
    for kernel in KERNELS.keys() - here:
        print(f"{kernel}: left out, this CPU has no {KERNELS[kernel]}", flush=True)
    results = {kernel: run(kernel, arguments.workers) for kernel in [*here, "unset"]}
    for kernel, (code, seconds) in results.items():
        print(f"{kernel}: {'failed' if code else 'passed'} in {seconds:.0f} s")
    return int(any(code for code, _ in results.values()))


def flags() -> set[str]:
    """The instruction sets of an x86 CPU under Linux; elsewhere none, so that OpenBLAS chooses its only kernel."""
    info = Path("/proc/cpuinfo")
    if platform.machine() != "x86_64" or not info.exists():
        return set()
    return next((set(line.split()) for line in info.read_text().splitlines() if line.startswith("flags")), set())


def run(kernel: str, workers: str) -> tuple[int, float]:
    """The exit status of the tests in a process of this kernel, and their seconds."""
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    if kernel != "unset":
        environment["OPENBLAS_CORETYPE"] = kernel
    start = time.monotonic()
    command = [sys.executable, __file__, "--inside", kernel, "--workers", workers]
    return subprocess.run(command, cwd=ROOT, env=environment).returncode, time.monotonic() - start


def inside(kernel: str, workers: str) -> int:
    """Runs the tests in this process and its workers, if the kernel is the one that was asked for."""
    import numpy  # noqa: F401  both load an OpenBLAS of their own
    import pytest
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_info

    found = {str(pool["architecture"]) for pool in threadpool_info() if pool["internal_api"] == "openblas"}
    print(f"\nkernel {kernel}: OpenBLAS runs {', '.join(sorted(found)) or 'nowhere'}", flush=True)
    if kernel != "unset" and found != {kernel}:
        print(f"asked for {kernel}", file=sys.stderr)
        return 1
    words = " and ".join(f"not {word}" for word in LEFT_OUT)
    marked = ["-m", ""] if kernel == "unset" else []  # those marked `draws` once
    return int(pytest.main(["-q", "-n", workers, "--dist", "loadfile", "-k", words, *marked, *TESTS]))


if __name__ == "__main__":
    sys.exit(main())
