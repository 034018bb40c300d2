"""Chooses the device, fixes the number of threads and makes torch's results repeat."""

import os

import torch

from weightscape.networks import free_gpu


def prepare(choice: str, threads: int) -> torch.device:
    """The device to compute on, with torch set up for it.

    `choice` names a device, or is `auto`: `cuda`, `mps` or `cpu`, by what is there; of several GPUs one that no other
    job of this machine uses (a cluster shows a job only its own). The number of threads is fixed,
    as results may depend on it; deterministic algorithms are used where there are some. Denormal numbers are
    flushed to zero: they slow a CPU down and decide nothing.
    """
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
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
    device = torch.device("cuda", free_gpu.claim(free_gpu.names(count, os.environ)))
    torch.cuda.set_device(device)
    return device
