"""One GPU per job where jobs share a machine: the first that no other job has locked, or the first that is freed."""

import fcntl
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

_held: list[int] = []
"""Descriptors of the locks that this process holds until it ends."""


def names(count: int, environment: Mapping[str, str]) -> list[str]:
    """The machine's names of the `count` visible GPUs: the entries of CUDA_VISIBLE_DEVICES, or their numbers."""
    visible = [name.strip() for name in environment.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return visible[:count] if len(visible) >= count else [str(number) for number in range(count)]


def claim(devices: list[str], folder: Path | None = None, pause: float = 1.0) -> int:
    """Position of a GPU that is this process's own until it ends, however it ends; waits while all are taken."""
    folder = folder or Path(tempfile.gettempdir()) / f"weightscape-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    told = False
    while True:
        for position, device in enumerate(devices):
            descriptor = os.open(folder / f"{device.replace('/', '-')}.lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                continue
            _held.append(descriptor)
            return position
        if not told:
            print(f"all {len(devices)} GPUs are taken by other jobs: waiting for one", file=sys.stderr, flush=True)
            told = True
        time.sleep(pause)
