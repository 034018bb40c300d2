"""Measures in seconds how fast this machine is with the networks of a study, so that its cost is told for it.

The routines are those that the stages run: a training step, folded inference, a product with the Hessian. On a CPU as
many of them run side by side as there are cores, as jobs do, and their CPU seconds count, which other programs change
little.
"""

import statistics
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from weightscape.costs.assumptions import Assumptions
from weightscape.costs.stages import Network, Slowness, Work, network_of
from weightscape.spectra.parallel import cores

if TYPE_CHECKING:
    import torch
    from torch import nn

    from weightscape.generate.model_settings import ModelSettings

BATCH = 32
SIDES = (32, 64)
"""Sides of images at which a network is measured, in px."""
SECONDS = 6.0
"""Of the CPU, from which on the larger side is left out."""
EACH = 0.2
"""CPU seconds in which a routine is repeated, once at least."""
PRODUCTS = 2
"""With the Hessian, beside the first pass that all products share."""
SEEN = 4
"""Times as many images at a time in inference as in training."""
OPERATIONS = 3e9
"""Of a batch, at most, where two images have fewer."""
MOST_THREADS, CLASSES, SIDE = 8, 10, 768
START_SECONDS = 0.2
"""CPU seconds of a job until it works: on one machine, jobs are forks of a process that has its libraries."""


@dataclass(frozen=True)
class Pace:
    """Seconds of one image in training, in inference, and in a product with the Hessian."""

    training: float
    inference: float
    product: float

    def beyond(self, other: "Pace", share: float) -> "Pace":
        """The pace on the straight line from this one (share 0) through the other (share 1), not below this one."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Pace(*(one + max(0.0, share * (two - one)) for one, two in pairs))


@dataclass(frozen=True)
class Speed:
    """Paces of a network at one or two sizes of images, by operations of the forward pass, ascending."""

    paces: tuple[tuple[float, Pace], ...]

    def at(self, operations: float) -> Pace:
        """The pace at so many operations: a straight line, as each layer has a fixed part."""
        (low, pace), (high, other) = self.paces[0], self.paces[-1]
        if operations <= low or high <= low:
            share = max(1.0, operations / low)
            return Pace(*(share * seconds for seconds in vars(pace).values()))
        return pace.beyond(other, (operations - low) / (high - low))


@dataclass(frozen=True)
class Machine:
    """Cores, the kind of device, speeds of networks by timm's name, and operations per second of the generator."""

    cores: int
    device: str
    speeds: Mapping[str, Speed]
    sampling: float = 1e11

    def told(self) -> str:
        """The machine in words."""
        names = {"cpu": "no GPU", "cuda": "a GPU"}
        return f"{self.cores} cores, {names.get(self.device, self.device)}"

    def work(self, work: Work) -> Work:
        """The work of a study with the rates of this machine."""
        assumed = self.assumptions(work.assumed)
        models = {name: block["model"] for name, block in work.config["backbones"].items()}
        networks = {
            (dataset, name): replace(net, slowness=self._slowness(models[name], net, assumed))
            for (dataset, name), net in work.networks.items()
        }
        return replace(work, assumed=assumed, networks=networks)

    def assumptions(self, assumed: Assumptions) -> Assumptions:
        """The assumptions with this machine's starts, and its rate of the generator as the rate of all networks."""
        rate = self.sampling / 1e12
        uses = dict.fromkeys(("training_use", "inference_use", "sampling_use"), 1.0)
        gpu = replace(assumed.gpu, peak_tflops=rate, float32_tflops=rate, **uses)
        return replace(assumed, gpu=gpu, start_seconds=START_SECONDS)

    def _slowness(self, model: str, net: Network, assumed: Assumptions) -> Slowness:
        pace, rate = self.speeds[model].at(net.operations), assumed.gpu.peak / net.operations
        return Slowness(pace.training * rate / 3, pace.inference * rate, pace.product * rate / 6)

    def minutes(self, gpu_seconds: float, cpu_seconds: float) -> float:
        """Minutes of a study: on a GPU its jobs follow each other, beside those of the cores."""
        if self.device == "cuda":
            return max(gpu_seconds, cpu_seconds / self.cores) / 60
        return (gpu_seconds + cpu_seconds) / self.cores / 60


def measured(
    sides: Mapping[str, int | None], generator: "ModelSettings | None" = None, most: int = SIDES[-1]
) -> Machine:
    """The speeds of timm's networks on images of up to `most` px, and of a generator of grey images if there is one.

    `sides` names the networks, and the side in px of those that take no other.
    """
    import torch

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        speeds = {
            model: _speed(model, device, (side,) if side else tuple(min(each, max(most, SIDES[0])) for each in SIDES))
            for model, side in sides.items()
        }
        rate = _products(device) if generator is None else _generator(generator, device)
    finally:
        torch.set_num_threads(threads)
    return Machine(cores(), device.type, speeds, rate)


def fixed_side(net: "nn.Module") -> int | None:
    """The side in px of the only images that a network of timm on the `meta` device takes; None if it takes any."""
    import torch

    try:
        with torch.inference_mode():
            for side in (24, 40):
                net.eval()(torch.empty(1, 3, side, side, device="meta"))
    except (AssertionError, RuntimeError, ValueError):
        return int(getattr(net, "pretrained_cfg", {}).get("input_size", (3, 224, 224))[-1])
    return None


def _speed(model: str, device: "torch.device", sides: Sequence[int]) -> Speed:
    paces: list[tuple[float, Pace]] = []
    begun = time.process_time()
    for side in dict.fromkeys(sides):
        if not paces or time.process_time() - begun < SECONDS:
            operations = network_of(model, side, CLASSES).operations
            batch = max(2, min(BATCH, int(OPERATIONS / operations)))
            train, see, products = _seconds(
                lambda side=side, batch=batch: _routines(model, side, batch, device), device
            )
            paces.append((operations, Pace(train / batch, see / (SEEN * batch), products / PRODUCTS / batch)))
    return Speed(tuple(paces))


def _routines(model: str, side: int, batch: int, device: "torch.device") -> list[Callable[[], object]]:
    """A training step, inference of a batch, and a product with the Hessian, as the stages run them."""
    import torch

    from weightscape.finetune.curvature import hessian_products
    from weightscape.finetune.evaluation import forward_of
    from weightscape.networks.building import network, prepared
    from weightscape.networks.settings import InputSettings

    net = prepared(network(model, CLASSES), device)
    parameters = list(net.parameters())
    shape = (batch, 3, side, side)
    images = torch.rand(shape, device=device).contiguous(memory_format=torch.channels_last)
    labels = torch.zeros(batch, dtype=torch.int64, device=device)
    optimizer = torch.optim.AdamW(parameters, lr=1e-6, fused=True)
    forward = forward_of(net, InputSettings(side, (0.5,) * 3, (0.5,) * 3), device)
    pixels = np.zeros((SEEN * batch, *shape[1:]), np.uint8)

    def train() -> None:
        net.train()
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(images), labels).backward()
        optimizer.step()

    def differentiate() -> None:
        product, _ = hessian_products(net.eval(), parameters, images, labels, batch)
        for _ in range(PRODUCTS):
            product([torch.ones_like(parameter) for parameter in parameters])

    return [train, lambda: forward(pixels), differentiate]


def _generator(settings: "ModelSettings", device: "torch.device") -> float:
    """Operations per second of training the diffusion model."""
    import torch

    from weightscape.costs.generation import BACKWARD, ddpm_operations
    from weightscape.generate import denoiser

    side = 8 * settings.patch

    def routines() -> list[Callable[[], object]]:
        net = denoiser.network(settings, CLASSES, (1, side, side), device.type)
        grid = torch.rand(BATCH, settings.patch**2, 8, 8, device=device)
        times, labels = torch.full((BATCH,), 500.0, device=device), torch.zeros(BATCH, dtype=torch.int64, device=device)
        return [lambda: denoiser.estimate(net, grid, times, labels).square().mean().backward()]

    (took,) = _seconds(routines, device)
    return BATCH * BACKWARD * ddpm_operations(settings, (1, side, side), CLASSES) / took


def _products(device: "torch.device") -> float:
    """Operations per second of matrix products, of which pipelines of diffusers reach about half."""
    import torch

    one = torch.rand(SIDE, SIDE, device=device)
    (took,) = _seconds(lambda: [lambda: one @ one], device)
    return SIDE**3 / took


def _seconds(routines: Callable[[], Sequence[Callable[[], object]]], device: "torch.device") -> list[float]:
    """The median seconds of each routine; on a CPU those of its own thread, with one thread for each core."""
    if device.type == "cuda":
        return [_repeated(routine, True) for routine in routines()]
    count = min(cores(), MOST_THREADS)
    begin = threading.Barrier(count)

    def one(own: Sequence[Callable[[], object]]) -> list[float]:
        found = []
        for routine in own:
            routine()
            begin.wait()
            found.append(_repeated(routine, False))
        return found

    with ThreadPoolExecutor(count) as pool:
        return [statistics.fmean(each) for each in zip(*pool.map(one, [routines() for _ in range(count)]), strict=True)]


def _repeated(routine: Callable[[], object], is_gpu: bool) -> float:
    """The median seconds of repetitions, of this thread's CPU or on a GPU by the clock."""
    import torch

    clock = time.perf_counter if is_gpu else time.thread_time
    if is_gpu:
        routine()
    took: list[float] = []
    while sum(took) < EACH:
        start = clock()
        routine()
        if is_gpu:
            torch.cuda.synchronize()
        took.append(clock() - start)
    return statistics.median(took)
