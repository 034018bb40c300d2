"""Chooses the device, fixes the number of threads and makes torch's results repeat."""

import fcntl
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import torch

_held: list[int] = []  # descriptors of the locks on GPUs that this process holds until it ends


def prepare(choice: str, threads: int) -> torch.device:
    """The device to compute on, with torch set up for it.

    `choice` names a device, or is `auto`: `cuda`, `mps` or `cpu`, by what is there; of several GPUs one that no other
    job of this machine uses (a cluster shows a job only its own). Results may depend on the number of threads.
    """
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)  # denormal numbers slow a CPU down and decide nothing
    torch.set_deterministic_debug_mode("warn")  # the same as use_deterministic_algorithms, without torch's compiler
    # Filling every new tensor costs 15 % of a step and is of no use to operations that write all of their result.
    torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue]
    if choice != "auto":
        return torch.device(choice)
    if torch.cuda.is_available():
        return _own_gpu()
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _own_gpu() -> torch.device:
    count = torch.cuda.device_count()
    if count == 1:
        return torch.device("cuda")
    device = torch.device("cuda", claim(names(count, os.environ)))
    torch.cuda.set_device(device)
    return device


def names(count: int, environment: Mapping[str, str]) -> list[str]:
    """The machine's names of the `count` visible GPUs: the entries of CUDA_VISIBLE_DEVICES, or their numbers."""
    visible = [name.strip() for name in environment.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return visible[:count] if len(visible) >= count else [str(number) for number in range(count)]


def claim(devices: list[str], folder: Path | None = None, pause: float = 1.0) -> int:
    """Position of a GPU that is this process's own until it ends, however it ends; waits while all are taken."""
    folder = folder or Path(tempfile.gettempdir()) / f"weightscape-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    reported = False
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
        if not reported:
            print(f"all {len(devices)} GPUs are taken by other jobs: waiting for one", file=sys.stderr, flush=True)
            reported = True
        time.sleep(pause)
