"""Expected GPU hours, CPU hours, disk and memory of a study by stage.

Work per image is counted, not guessed: the floating-point operations of each network and of a denoiser of Stable
Diffusion's size are counted by torch's counter on the `meta` device (no weights, no arithmetic), and spectra by the
shapes of the weight matrices. The speed of devices and the sizes of public data sets are assumptions that stand in
`workflow/report/cost.yaml`. A multiplication and an addition are two operations.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from weightscape import recipes, study
from weightscape.errors import UserError
from weightscape.networks import network

BACKWARD = 3
"""Operations of a training step over those of the forward pass (the backward pass takes twice as many)."""
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


@dataclass(frozen=True)
class Sizes:
    """Images of a data set by split, its classes, and the bytes of one image."""

    splits: Mapping[str, int]
    classes: int
    bytes_per_image: int


def counted(model: nn.Module, *inputs: Any, **named: Any) -> float:
    """Operations of one forward pass of a model on the `meta` device."""
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        model(*inputs, **named)
    return float(counter.get_total_flops())


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


@functools.cache
def pipeline_operations(size: int, steps: int, guided: bool) -> float:
    """One image of a pipeline with the denoiser and decoder of Stable Diffusion 1.x."""
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    shape: dict[str, Any] = {
        "block_out_channels": (128, 256, 512, 512),
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "layers_per_block": 2,
    }
    with torch.device("meta"):
        unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8).eval()
        decoder = AutoencoderKL(**shape).eval()
        latent = torch.empty(1, 4, size // 8, size // 8)
        text, time = torch.empty(1, 77, 768), torch.empty(1)
    step = counted(unet, latent, time, text) * (2 if guided else 1)
    return step * steps + counted(decoder.decoder, latent)


def spectra_seconds(net: Network, cpu: Assumed, matrices: int = 2) -> float:
    """CPU seconds of the eigenvalues of all matrices: a Gram matrix (N M^2) and its reduction (4/3 M^3) per slice."""
    products = sum(slices * larger * smaller**2 for slices, larger, smaller in net.matrices)
    reductions = sum(slices * 4 / 3 * smaller**3 for slices, _, smaller in net.matrices)
    return matrices * (products / (cpu["gflops"] * 1e9) + reductions / (cpu["eigen_gflops"] * 1e9))


def sizes_of(config: study.Config, dataset: str, known: Assumed) -> Sizes:
    """Images per split; where the config says `all`, from what is known of the source."""
    block = config["data"][dataset]
    if "image" not in block:
        counts = {**block["splits"], **{f"ood-{name}": ood["images"] for name, ood in block["ood"].items()}}
        return Sizes(counts, 10, 28 * 28)
    source = known.get(block.get("name") or block.get("path") or block.get("root"))
    if source is None:
        raise UserError(f"the number of images of data.{dataset} is not known: add it to images in cost.yaml")
    classes = source["classes"] if block["classes"] == "all" else _number(block["classes"])
    share = classes / source["classes"]
    counts = _split_counts(block, {part: round(source[part] * share) for part in ("train", "test")})
    for name, ood in block["ood"].items():
        available = counts["test"] if ood["source"] == "corruption" else round(source.get(ood.get("domain"), 0) * share)
        counts[f"ood-{name}"] = available if ood["images"] == "all" else ood["images"]
    image = block["image"]
    return Sizes(counts, classes, image["channels"] * image["size"] ** 2)


def _number(classes: Any) -> int:
    return classes if isinstance(classes, int) else len(classes)


def _split_counts(block: Assumed, parts: Mapping[str, int]) -> dict[str, int]:
    from weightscape.datasets.pools import counted as fill

    wanted = dict(block["splits"])
    if parts["test"]:
        counts = fill({"test": wanted.pop("test")}, parts["test"])
        return fill(wanted, parts["train"]) | counts
    return fill(wanted, parts["train"])


def table(config: study.Config, assumed: Assumed) -> list[Row]:
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
    measured = sum(family in study.DIVERSITY_FAMILIES for family, _ in conditions)
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


def _generation(config: study.Config, sizes: Mapping[str, Sizes], on_gpu: Any, overhead: Any) -> list[Row]:
    block = config["generate"]
    if not study.uses_generator(config) or block["kind"] == "ddpm":
        return []
    images: dict[str, int] = {}
    work = 0.0
    for recipe in (recipes.recipe(config, name) for name in recipes.names(config)):
        for name, size in sizes.items():
            count = recipes.images_per_class(config, recipe["name"], name) * size.classes
            images[name] = images.get(name, 0) + count
            pipeline = block["pipeline"]
            steps = pipeline["steps"] * (recipe["strength"] if block["kind"] == "image_to_image" else 1.0)
            work += count * pipeline_operations(pipeline["size"], round(steps), float(recipe["guidance"]) > 1)
    jobs = block["shards"] * len(block["recipes"]) * len(sizes)
    disk = sum(images[name] * size.bytes_per_image for name, size in sizes.items())
    hours = on_gpu(work, "sampling_use") + overhead(jobs)
    return [Row("2 generate", jobs, hours, 0.0, disk / GB, 12.0, 12.0)]


def _runs(
    config: study.Config,
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
        name: sum(count for split, count in size.splits.items() if split not in ("train", "extra"))
        for name, size in sizes.items()
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
    config: study.Config, nets: Mapping[tuple[str, str], Network], on_gpu: Any, overhead: Any, largest: int
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


def unkept(config: study.Config, assumed: Assumed) -> float:
    """Gigabytes that the weights of all runs would take."""
    whole = {**config, "study": {**config["study"], "keep_weights": "all"}}
    return next(row.disk_gb for row in table(whole, assumed) if row.stage == "4 finetune")
