"""Expected GPU hours, CPU hours, disk and memory of a study by stage.

Work per image is counted, not guessed: the floating-point operations of each network and of a denoiser of Stable
Diffusion's size are counted by torch's counter on the `meta` device (no weights, no arithmetic), and spectra by the
shapes of the weight matrices. The speed of devices and the sizes of public data sets are assumptions that stand in
`workflow/docs/cost.yaml`. A multiplication and an addition are two operations.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from weightscape import families
from weightscape.costs import generation
from weightscape.costs.generation import BACKWARD, counted
from weightscape.costs.images import Sizes, sizes_of
from weightscape.networks.building import network
from weightscape.study import recipes, study
from weightscape.study.config_type import Config

GB = 1e9
HOUR = 3600.0
Assumed = Mapping[str, Any]


@dataclass(frozen=True)
class Network:
    """One image's operations in the forward pass, parameters, bytes of activations, and shapes of the matrices."""

    operations: float
    parameters: int
    matrices: tuple[tuple[int, int, int], ...]  # (slices, larger side, smaller side)


@dataclass(frozen=True)
class Row:
    """What one stage costs; memory is of one job."""

    stage: str
    jobs: int
    gpu_hours: float = 0.0
    cpu_hours: float = 0.0
    disk_gb: float = 0.0
    memory_gb: float = 0.0
    gpu_memory_gb: float = 0.0


@functools.cache
def network_of(model: str, size: int, classes: int) -> Network:
    """What one image costs in a network."""
    with torch.device("meta"):
        net = network(model, classes).eval()
        images = torch.empty(1, 3, size, size)
    shapes = [tuple(parameter.shape) for parameter in net.parameters() if parameter.ndim in (2, 4)]
    matrices = tuple((_slices(shape), max(shape[:2]), min(shape[:2])) for shape in shapes if min(shape[:2]) > 1)
    return Network(counted(net, images), sum(p.numel() for p in net.parameters()), matrices)


def _slices(shape: tuple[int, ...]) -> int:
    return shape[2] * shape[3] if len(shape) == 4 else 1


def spectra_seconds(net: Network, cpu: Assumed, matrices: int = 2) -> float:
    """CPU seconds of the eigenvalues of all matrices: a Gram matrix (N M^2) and its reduction (4/3 M^3) per slice."""
    products = sum(slices * larger * smaller**2 for slices, larger, smaller in net.matrices)
    reductions = sum(slices * 4 / 3 * smaller**3 for slices, _, smaller in net.matrices)
    return matrices * (products / (cpu["gflops"] * 1e9) + reductions / (cpu["eigen_gflops"] * 1e9))


def table(config: Config, assumed: Assumed) -> list[Row]:
    """One row per stage."""
    gpu, cpu, start = assumed["gpu"], assumed["cpu"], assumed["start_seconds"]
    datasets, backbones = config["study"]["datasets"], config["study"]["backbones"]
    sizes = {name: sizes_of(config, name, assumed["images"]) for name in datasets}
    blocks = {name: config["backbones"][name] for name in backbones}
    nets = {
        (dataset, name): network_of(block["model"], block["input"]["size"], sizes[dataset].classes)
        for dataset in datasets
        for name, block in blocks.items()
    }

    def on_gpu(operations: float, use: str) -> float:
        return operations / (gpu["peak_tflops"] * 1e12 * gpu[use]) / HOUR

    def overhead(jobs: int) -> float:
        return jobs * start / HOUR

    rows = [_data(sizes, cpu, overhead)]
    rows += _generation(config, sizes, on_gpu, overhead)
    conditions, seeds = study.conditions(config), len(config["study"]["seeds"])
    measured = sum(family in families.DIVERSITY_FAMILIES for family, _ in conditions)
    seen = {d: sizes[d].splits["train"] * measured * seeds for d in datasets}
    diversity = sum(seen[d] * nets[d, b].operations for d in datasets for b in backbones)
    widths = {d: min(sizes[d].bytes_per_image, 3 * 32 * 32) for d in datasets}
    kernels = sum(3 * seen[d] * 2 * widths[d] ** 2 for d in datasets) / (cpu["gflops"] * 1e9) / HOUR
    most = max(sizes[d].splits["train"] * widths[d] for d in datasets)
    rows.append(
        Row(
            "3 measure_diversity",
            measured * len(datasets),
            on_gpu(diversity, "inference_use"),
            kernels + overhead(measured * len(datasets)),
            0.01 * measured * len(datasets) / 10,
            4 * 8 * most / GB + 2,
            4,
        )
    )
    per_set = len(conditions) * seeds
    return rows + _runs(config, sizes, nets, per_set, on_gpu, overhead, cpu)


def _data(sizes: Mapping[str, Sizes], cpu: Assumed, overhead: Any) -> Row:
    jobs = sum(len(size.splits) for size in sizes.values())
    seconds = sum(
        sum(size.splits.values()) / cpu["decoded" if size.bytes_per_image <= 3 * 64 * 64 else "decoded_large"]
        for size in sizes.values()
    )
    disk = sum(sum(size.splits.values()) * size.bytes_per_image for size in sizes.values())
    return Row("1 data", jobs, 0.0, seconds / HOUR + overhead(jobs), disk / GB, 1.0)


def _generation(config: Config, sizes: Mapping[str, Sizes], on_gpu: Any, overhead: Any) -> list[Row]:
    """Sampling, and training before it where the generator is trained here."""
    if not study.uses_generator(config):
        return []
    block, trained = config["generate"], config["generate"]["kind"] == "ddpm"
    jobs = (block["shards"] * len(block["recipes"]) + trained) * len(sizes)
    work = on_gpu(generation.training(config, sizes), "training_use")
    work += on_gpu(generation.sampling(config, sizes), "sampling_use")
    disk = sum(
        count * sizes[dataset].bytes_per_image
        for name in recipes.names(config)
        for dataset, count in generation.images_of(config, name, sizes).items()
    )
    memory = 4.0 if trained else 12.0
    return [Row("2 generate", jobs, work + overhead(jobs), 0.0, disk / GB, memory, memory)]


def _runs(
    config: Config,
    sizes: Mapping[str, Sizes],
    nets: Mapping[tuple[str, str], Network],
    per_set: int,
    on_gpu: Any,
    overhead: Any,
    cpu: Assumed,
) -> list[Row]:
    """Fine-tuning, evaluation and spectra of all runs."""
    training, runs = config["finetune"], per_set * len(nets)
    shown = training["steps"] * training["batch_size"]
    work = sum(per_set * shown * BACKWARD * net.operations for net in nets.values())
    tested = {
        name: sum(size.splits[split] for split in study.evaluated_splits(config, name)) for name, size in sizes.items()
    }
    evaluated = sum(per_set * tested[dataset] * net.operations for (dataset, _), net in nets.items())
    logits = sum(per_set * tested[dataset] * sizes[dataset].classes * 2 for dataset, _ in nets)
    resident = max(size.splits["train"] * size.bytes_per_image for size in sizes.values())
    largest = max(net.parameters for net in nets.values())
    eigenvalues = sum(per_set * 8 * 2 * sum(s * m for s, _, m in net.matrices) for net in nets.values())
    seconds = sum(per_set * spectra_seconds(net, cpu) for net in nets.values())
    kept = {"all": 1.0, "seed0": 1 / len(config["study"]["seeds"]), "none": 0.0}[config["study"]["keep_weights"]]
    weights = kept * sum(per_set * 4 * net.parameters for net in nets.values())
    evaluations = runs // len(config["study"]["seeds"])
    adam = 16 * largest  # weights, gradients and two moments, in float32
    return [
        Row(
            "4 finetune",
            runs,
            on_gpu(work, "training_use") + overhead(runs),
            0.0,
            weights / GB,
            2 * resident / GB + 4,
            (resident + adam) / GB + 6,
        ),
        Row(
            "4 evaluate",
            evaluations,
            on_gpu(evaluated, "inference_use") + overhead(evaluations),
            0.0,
            logits / GB,
            4 * largest / GB + max(tested[d] * sizes[d].bytes_per_image for d in sizes) / GB + 3,
            6.0,
        ),
        *_curvature(config, nets, on_gpu, overhead, largest),
        Row("5 spectra", runs, 0.0, seconds / HOUR + overhead(runs), eigenvalues / GB, 3 * 4 * largest / GB + 1.5),
    ]


def _curvature(
    config: Config, nets: Mapping[tuple[str, str], Network], on_gpu: Any, overhead: Any, largest: int
) -> list[Row]:
    """Hessian-vector products (two traces, each of all probes, and Lanczos): forward, back, and back through both."""
    block, seeds = config["curvature"], len(config["study"]["seeds"])
    conditions = len(study.curved_conditions(config))
    if not conditions:
        return []
    products = block["images"] * (2 * block["probes"] + block["iterations"])
    work = sum(conditions * seeds * products * 2 * BACKWARD * net.operations for net in nets.values())
    jobs = conditions * len(nets)
    return [
        Row("4 curvature", jobs, on_gpu(work, "training_use") + overhead(jobs), 0.0, 0.0, 24 * largest / GB + 3, 12.0)
    ]


def unkept(config: Config, assumed: Assumed) -> float:
    """Gigabytes that the weights of all runs would take."""
    whole = {**config, "study": {**config["study"], "keep_weights": "all"}}
    return next(row.disk_gb for row in table(whole, assumed) if row.stage == "4 finetune")
