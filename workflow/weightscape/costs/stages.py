"""Expects GPU hours, CPU hours, disk and memory of a study by stage.

Work per image is counted, not guessed: the floating-point operations of each network and of a denoiser of Stable
Diffusion's size are counted by torch's counter on the `meta` device (no weights, no arithmetic), and spectra by the
shapes of the weight matrices. The speed of devices and the sizes of public data sets are assumptions that stand in
`workflow/docs/cost.yaml`. A multiplication and an addition are two operations.
"""

import functools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch

from weightscape.costs import generation
from weightscape.costs.assumptions import HOUR, Assumptions, Cpu, Sizes, sizes_of
from weightscape.costs.generation import BACKWARD, counted
from weightscape.diversity.rows import LARGEST
from weightscape.families import named
from weightscape.networks.building import network
from weightscape.study import Config, doses, recipes, study

GB = 1e9


@dataclass(frozen=True)
class Slowness:
    """How many times longer than at the assumed rates training, inference and products with the Hessian take."""

    training: float = 1.0
    inference: float = 1.0
    product: float = 1.0


@dataclass(frozen=True)
class Network:
    """One image's operations in the forward pass, parameters, and shapes of the matrices."""

    operations: float
    parameters: int
    matrices: tuple[tuple[int, int, int], ...]  # (slices, larger side, smaller side)
    slowness: Slowness = Slowness()


@dataclass(frozen=True)
class Cost:
    """The cost of all jobs of one rule; memory is of one job."""

    jobs: int
    gpu_hours: float = 0.0
    cpu_hours: float = 0.0
    disk_gb: float = 0.0
    memory_gb: float = 0.0
    gpu_memory_gb: float = 0.0


@dataclass(frozen=True)
class Work:
    """The basis of a study's costs: its config, its data sets, its networks and the assumed rates.

    The networks are named by data set and backbone: data sets have different numbers of classes.
    """

    config: Config
    assumed: Assumptions
    sizes: Mapping[str, Sizes]
    networks: Mapping[tuple[str, str], Network]

    def runs_of(self, conditions: Iterable[tuple[str, str]]) -> int:
        """How many runs these conditions have."""
        return sum(len(doses.seeds(self.config, family)) for family, _ in conditions)

    @property
    def runs_each(self) -> int:
        """How many runs a data set and backbone have."""
        return self.runs_of(study.conditions(self.config))

    @property
    def largest(self) -> int:
        """Parameters of the largest network."""
        return max(net.parameters for net in self.networks.values())

    @property
    def weight_bytes(self) -> float:
        """Bytes of the weights of all runs, in float32."""
        return sum(self.runs_each * 4 * net.parameters for net in self.networks.values())

    @property
    def checkpoint_bytes(self) -> float:
        """Bytes that the checkpoints of all runs write, most of which a later one replaces.

        One has the weights and the optimiser's moments, in float32. It is due after `checkpoint_minutes`, at the end
        of a block of the history that is not the last.
        """
        training = self.config["finetune"]
        period, arrays = training["checkpoint_minutes"] / 60, 2 if training["optimizer"] == "sgd" else 3
        total = 0.0
        for (_, backbone), net in self.networks.items():
            shown = self.shown(backbone) * BACKWARD * net.slowness.training
            hours = self.assumed.gpu.training_hours(shown * net.operations)
            blocks = (doses.loop(self.config, backbone)["steps"] - 1) // training["history_every"]
            count = min(blocks, hours // period) if period else blocks
            total += self.runs_each * count * arrays * 4 * net.parameters
        return total

    def shown(self, backbone: str) -> int:
        """How many images a run is trained on, each as often as it is shown."""
        return doses.loop(self.config, backbone)["steps"] * self.config["finetune"]["batch_size"]

    def evaluated(self, dataset: str) -> int:
        """How many images a run is evaluated on."""
        return sum(self.sizes[dataset].splits[split] for split in study.evaluated_splits(self.config, dataset))


@functools.cache
def network_of(model: str, size: int, classes: int) -> Network:
    """Counts the operations of one image in a network, its parameters and the shapes of its matrices."""
    with torch.device("meta"):
        net = network(model, classes).eval()
        images = torch.empty(1, 3, size, size)
    shapes = [tuple(parameter.shape) for parameter in net.parameters() if parameter.ndim in (2, 4)]
    matrices = tuple((math.prod(shape[2:]), max(shape[:2]), min(shape[:2])) for shape in shapes if min(shape[:2]) > 1)
    return Network(counted(net, images), sum(p.numel() for p in net.parameters()), matrices)


def spectra_seconds(net: Network, cpu: Cpu, matrices: int = 2) -> float:
    """CPU seconds of the eigenvalues of all matrices: a Gram matrix (N M^2) and its reduction (4/3 M^3) per slice."""
    products = sum(slices * larger * smaller**2 for slices, larger, smaller in net.matrices)
    reductions = sum(slices * 4 / 3 * smaller**3 for slices, _, smaller in net.matrices)
    return matrices * (products / (cpu.gflops * 1e9) + reductions / (cpu.eigen_gflops * 1e9))


def work_of(config: Config, assumed: Assumptions) -> Work:
    """Count the images of a study's data sets and the operations of its networks."""
    chosen = config["study"]
    sizes = {dataset: sizes_of(config, dataset, assumed.images) for dataset in chosen["datasets"]}
    blocks = {backbone: config["backbones"][backbone] for backbone in chosen["backbones"]}
    networks = {
        (dataset, backbone): network_of(block["model"], block["input"]["size"], sizes[dataset].classes)
        for dataset in sizes
        for backbone, block in blocks.items()
    }
    return Work(config, assumed, sizes, networks)


def costs(work: Work) -> dict[str, Cost]:
    """The costs of a study by rule, in the order of the stages; rules without jobs are left out."""
    by_rule = {
        "data": _data(work),
        "generate": _generate(work),
        "measure_diversity": _measure_diversity(work),
        "finetune": _finetune(work),
        "evaluate": _evaluate(work),
        "curvature": _curvature(work),
        "penalties": _penalties(work),
        "spectra": _spectra(work),
    }
    return {rule: cost for rule, cost in by_rule.items() if cost.jobs}


def _data(work: Work) -> Cost:
    cpu, sizes = work.assumed.cpu, work.sizes.values()
    jobs = sum(len(size.splits) for size in sizes)
    seconds = sum(
        sum(size.splits.values()) / (cpu.decoded if size.bytes_per_image <= 3 * 64 * 64 else cpu.decoded_large)
        for size in sizes
    )
    disk = sum(sum(size.splits.values()) * size.bytes_per_image for size in sizes)
    hours = seconds / HOUR + work.assumed.start_hours(jobs)
    return Cost(jobs, cpu_hours=hours, disk_gb=disk / GB, memory_gb=1.0)


def _generate(work: Work) -> Cost:
    """Sampling, and training before it if the generator is trained here."""
    config, sizes, gpu = work.config, work.sizes, work.assumed.gpu
    if not study.uses_generator(config):
        return Cost(0)
    block, trained = config["generate"], config["generate"]["kind"] == "ddpm"
    jobs = (block["shards"] * len(block["recipes"]) + trained) * len(sizes)
    hours = gpu.training_hours(generation.training(config, sizes)) + gpu.sampling_hours(
        generation.sampling(config, sizes)
    )
    disk = sum(
        count * sizes[dataset].bytes_per_image
        for recipe in recipes.names(config)
        for dataset, count in generation.images_of(config, recipe, sizes).items()
    )
    memory = 4.0 if trained else 12.0
    return Cost(
        jobs,
        gpu_hours=hours + work.assumed.start_hours(jobs),
        disk_gb=disk / GB,
        memory_gb=memory,
        gpu_memory_gb=memory,
    )


def _measure_diversity(work: Work) -> Cost:
    """Embeddings of the training images by every backbone, and their kernels in each space."""
    measured = [each for each in study.conditions(work.config) if study.measures_diversity(work.config, each[0])]
    jobs = len(measured) * len(work.sizes)
    seen = {dataset: size.splits["train"] * work.runs_of(measured) for dataset, size in work.sizes.items()}
    pixels = {dataset: min(size.bytes_per_image, 3 * LARGEST**2) for dataset, size in work.sizes.items()}
    embedding = sum(
        seen[dataset] * net.operations * net.slowness.inference for (dataset, _), net in work.networks.items()
    )
    kernels = sum(3 * seen[dataset] * 2 * pixels[dataset] ** 2 for dataset in work.sizes)
    most = max(size.splits["train"] * pixels[dataset] for dataset, size in work.sizes.items())
    return Cost(
        jobs,
        gpu_hours=work.assumed.gpu.inference_hours(embedding),
        cpu_hours=kernels / (work.assumed.cpu.gflops * 1e9) / HOUR + work.assumed.start_hours(jobs),
        disk_gb=0.01 * jobs / 10,
        memory_gb=4 * 8 * most / GB + 2,
        gpu_memory_gb=4,
    )


def _finetune(work: Work) -> Cost:
    keep = work.config["study"]["keep_weights"]
    jobs = work.runs_each * len(work.networks)
    operations = sum(
        work.runs_each * work.shown(backbone) * BACKWARD * net.operations * net.slowness.training
        for (_, backbone), net in work.networks.items()
    )
    kept = {"all": 1.0, "seed0": len(study.conditions(work.config)) / work.runs_each, "none": 0.0}[keep]
    resident = max(size.splits["train"] * size.bytes_per_image for size in work.sizes.values())
    adam = 16 * work.largest  # weights, gradients and two moments, in float32
    return Cost(
        jobs,
        gpu_hours=work.assumed.gpu.training_hours(operations) + work.assumed.start_hours(jobs),
        disk_gb=kept * work.weight_bytes / GB,
        memory_gb=2 * resident / GB + 4,
        gpu_memory_gb=(resident + adam) / GB + 6,
    )


def _evaluate(work: Work) -> Cost:
    """One job evaluates all runs of a condition."""
    jobs = len(study.conditions(work.config)) * len(work.networks)
    images = {dataset: work.evaluated(dataset) for dataset in work.sizes}
    operations = sum(
        work.runs_each * images[dataset] * net.operations * net.slowness.inference
        for (dataset, _), net in work.networks.items()
    )
    logits = sum(work.runs_each * images[dataset] * work.sizes[dataset].classes * 2 for dataset, _ in work.networks)
    most = max(images[dataset] * size.bytes_per_image for dataset, size in work.sizes.items())
    return Cost(
        jobs,
        gpu_hours=work.assumed.gpu.inference_hours(operations) + work.assumed.start_hours(jobs),
        disk_gb=logits / GB,
        memory_gb=4 * work.largest / GB + most / GB + 3,
        gpu_memory_gb=6.0,
    )


def _curvature(work: Work) -> Cost:
    """Hessian-vector products (the probes, and Lanczos): forward, back, and back through both."""
    block = work.config["curvature"]
    measured = [each for each in study.conditions(work.config) if study.measures_curvature(work.config, each[0])]
    products = block["images"] * (block["probes"] + block["iterations"])
    runs = work.runs_of(measured)
    operations = sum(
        runs * products * 2 * BACKWARD * net.operations * net.slowness.product for net in work.networks.values()
    )
    jobs = len(measured) * len(work.networks)
    return Cost(
        jobs,
        gpu_hours=work.assumed.gpu.inference_hours(operations) + work.assumed.start_hours(jobs),
        memory_gb=24 * work.largest / GB + 3,
        gpu_memory_gb=12.0,
    )


def _penalties(work: Work) -> Cost:
    """The clean images, and those of each draw of the perturbations that have draws."""
    block = work.config["penalties"]
    measured = [each for each in study.conditions(work.config) if study.measures_penalties(work.config, each[0])]
    drawn = [name for name in study.penalties(work.config) if {"images", "network"} & set(named(name).changes)]
    images = work.runs_of(measured) * block["images"] * (1 + block["draws"] * len(drawn))
    operations = sum(images * net.operations * net.slowness.inference for net in work.networks.values())
    jobs = len(measured) * len(work.networks)
    return Cost(
        jobs,
        gpu_hours=work.assumed.gpu.inference_hours(operations) + work.assumed.start_hours(jobs),
        memory_gb=4 * work.largest / GB + 3,
        gpu_memory_gb=6.0,
    )


def _spectra(work: Work) -> Cost:
    jobs = work.runs_each * len(work.networks)
    seconds = sum(work.runs_each * spectra_seconds(net, work.assumed.cpu) for net in work.networks.values())
    eigenvalues = sum(
        work.runs_each * 8 * 2 * sum(slices * smaller for slices, _, smaller in net.matrices)
        for net in work.networks.values()
    )
    return Cost(
        jobs,
        cpu_hours=seconds / HOUR + work.assumed.start_hours(jobs),
        disk_gb=eigenvalues / GB,
        memory_gb=3 * 4 * work.largest / GB + 1.5,
    )
