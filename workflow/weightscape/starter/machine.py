"""Measures in seconds what this machine reaches with a network, so that the cost of a study is told for it."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from weightscape.costs.assumptions import Assumptions

BATCH = 32
SECONDS = 0.6
START_SECONDS = 2.0
"""Of a job on one machine, where jobs share their start."""


@dataclass(frozen=True)
class Machine:
    """Cores, the kind of device, and operations per second of training and of inference in one job."""

    cores: int
    device: str
    training: float
    inference: float

    def told(self) -> str:
        """The machine in words."""
        return f"{self.cores} cores, {'a GPU' if self.device == 'cuda' else f'no GPU ({self.device})'}"

    def assumptions(self, assumed: Assumptions) -> Assumptions:
        """The assumptions of the cost model with the rates of this machine."""
        gpu = replace(
            assumed.gpu,
            peak_tflops=self.training / 1e12,
            float32_tflops=self.inference / 1e12,
            training_use=1.0,
            inference_use=1.0,
            sampling_use=1.0,
        )
        return replace(assumed, gpu=gpu, start_seconds=START_SECONDS)

    def minutes(self, gpu_hours: float, cpu_hours: float) -> float:
        """Minutes of a study: on a GPU its jobs follow each other, beside those of the cores."""
        if self.device == "cuda":
            return 60 * max(gpu_hours, cpu_hours / self.cores)
        return 60 * (gpu_hours + cpu_hours) / self.cores


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def measured(model: str, size: int) -> Machine:
    """The rates that one job reaches on this machine with timm's `model` on images of `size` px."""
    import torch

    from weightscape.costs.stages import network_of
    from weightscape.networks.building import network

    device = "cuda" if torch.cuda.is_available() else "cpu"
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        net = network(model, 10).to(device)
        images = torch.rand(BATCH, 3, size, size, device=device)
        operations = BATCH * network_of(model, size, 10).operations

        def step() -> None:
            net.train()(images).square().mean().backward()

        def seen() -> None:
            with torch.inference_mode():
                net.eval()(images)

        training, inference = _seconds(step), _seconds(seen)
    finally:
        torch.set_num_threads(threads)
    return Machine(cores(), device, 3 * operations / training, operations / inference)


def _seconds(work: Callable[[], None]) -> float:
    """The least seconds of a piece of work, repeated after a first time; of the CPU's own where it does the work."""
    import torch

    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    times: list[float] = []
    begun = time.monotonic()
    while len(times) < 3 or time.monotonic() - begun < SECONDS:
        start = clock()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(clock() - start)
    return min(times[1:])
