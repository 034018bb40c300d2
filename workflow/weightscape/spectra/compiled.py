"""Builds the package's native source where a C compiler is, once for each kind of processor, and loads it.

The library is kept in the cache folder under the digest of its source, its build command and the machine, and is put
there whole, so that processes may build it at once. Instructions are asked for by name and not with -march=native:
machines with the same vectors and compiler get the same code. A library that fails its own check, in a process of its
own, is not kept. Nothing here raises: without a library there is LAPACK.
"""

import contextlib
import ctypes
import functools
import hashlib
import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from weightscape.formats import cache

FLAGS = ("-O3", "-std=gnu11", "-fPIC", "-shared", "-fvisibility=hidden", "-ffp-contract=fast", "-fno-math-errno")
FEATURES = {8: ("avx512f", "avx512dq", "avx512vl", "fma"), 4: ("avx2", "fma")}
"""Instructions of x86 for vectors of so many doubles, as Linux and compilers call them."""
PATIENCE = 120  # seconds for a build; it takes four
CHECK = "import ctypes, sys; sys.exit(ctypes.CDLL(sys.argv[1]).check() != 1)"


@functools.cache
def library(source: Path, lanes: int) -> ctypes.CDLL | None:
    """The library of a source for vectors of `lanes` doubles; None where none can be built."""
    try:
        text = source.read_bytes()
        folder = cache.folder() / "native"
        for compiler in compilers():
            command = [*compiler, *FLAGS, f"-DL={lanes}", *(f"-m{name}" for name in _features(lanes))]
            key = hashlib.sha256(repr((text, command, platform.system(), platform.machine())).encode()).hexdigest()
            path = folder / f"{source.stem}-{key[:24]}.so"
            with contextlib.suppress(OSError):  # it is broken
                if _is_ours(path):
                    return ctypes.CDLL(str(path))
            if _build(command, source, path):
                return ctypes.CDLL(str(path))
    except (OSError, RuntimeError):  # no home, no place to write
        pass
    return None


def widest() -> int | None:
    """The number of doubles in this processor's vectors, 8 or 4; None where we know of no fast ones."""
    if platform.machine().lower() in ("arm64", "aarch64"):
        return 4
    return next((lanes for lanes in FEATURES if _features(lanes) and _features(lanes) <= _flags()), None)


def _features(lanes: int) -> set[str]:
    return set(FEATURES[lanes]) if platform.machine().lower() in ("x86_64", "amd64") else set()


@functools.cache
def _flags() -> frozenset[str]:
    """The features of this processor, as Linux has them."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line for line in lines if line.startswith("flags")), "").split())


def compilers() -> Iterator[list[str]]:
    """Commands that may compile C: CC, those on the path, and the one in the package `ziglang` where that is there."""
    chosen = shlex.split(os.environ.get("CC", ""))
    for command in (chosen, ["cc"], ["gcc"], ["clang"]):
        if command and shutil.which(command[0]):
            yield command
    if importlib.util.find_spec("ziglang"):
        yield [sys.executable, "-m", "ziglang", "cc"]


def _is_ours(path: Path) -> bool:
    """Whether a library is there that nobody else may have written."""
    try:
        found = path.stat()
    except OSError:
        return False
    return found.st_uid in (0, os.getuid()) and not found.st_mode & 0o022


def _build(command: list[str], source: Path, path: Path) -> bool:
    """Compile, check, and put in its place; whether all of it went well."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        made = Path(folder) / path.name
        for step in ([*command, str(source), "-o", str(made), "-lm"], [sys.executable, "-I", "-c", CHECK, str(made)]):
            try:
                subprocess.run(step, check=True, capture_output=True, timeout=PATIENCE, cwd=folder)
            except (OSError, subprocess.SubprocessError):
                return False
        made.chmod(0o755)
        made.replace(path)
    return True
