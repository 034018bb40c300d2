"""Curvature of the loss at trained weights, from Hessian-vector products and without the Hessian.

A product costs two backward passes (Pearlmutter 1994). Traces are Hutchinson's estimates: with entries of v drawn from
{-1, 1}, v . Hv has the trace of H as its mean (Hutchinson 1990). The largest eigenvalue comes from Lanczos' recurrence
without reorthogonalisation, which keeps three vectors: copies of converged eigenvalues may appear, wrong ones do not
(Paige 1976).

With normalisation layers, smaller weights alone raise the raw trace, so layers are also summed with the weight
|w_l|^2 / d_l, which makes the sum independent of the scale of each layer (d_l weights w_l in layer l). Both sums come
from the same products, along directions whose entries in layer l are -s_l or s_l, s_l^2 = |w_l|^2 / d_l: there
v_l . (Hv)_l has s_l^2 tr H_l as its mean, and every single sample of the weighted sum is independent of the layers'
scales. Products of its own, along directions of one scale, would give the raw trace a smaller standard error (.16 in
place of .22 of it, .09 in place of .09 in two networks of the embedded study), which no claim rests on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from weightscape.augmentations.draws import Draws
from weightscape.finetune.curvature_settings import CurvatureSettings, Measure
from weightscape.finetune.held_out import fixed_batch, trained
from weightscape.networks import building
from weightscape.networks.device import in_float64
from weightscape.seeds import seed as named_seed

Vector = list[Tensor]
Product = Callable[[Vector], Vector]
OTHER_SCALE = 0.1
"""Of the directions of biases, normalisation and matrices of zeros, which the weighted sum leaves out."""


@dataclass(frozen=True)
class Curvature:
    """Of the mean cross-entropy (nats) on one batch, with respect to all trainable parameters.

    `trace` and `weighted_trace` have the standard error of their mean over the `probes` (nan for one probe).
    `largest_eigenvalue` is a lower bound; an eigenvalue lies within `largest_eigenvalue_error` of it.
    """

    trace: float
    trace_error: float
    weighted_trace: float
    weighted_trace_error: float
    largest_eigenvalue: float
    largest_eigenvalue_error: float
    batch_loss: float
    probes: int


def curvature(model: nn.Module, inputs: Tensor, labels: Tensor, settings: Measure, seed: int) -> Curvature:
    """Measure the curvature at the model's weights, in evaluation mode.

    `inputs` [n, c, h, w] as the network sees them, `labels` [n]; memory grows with the batch size, which changes no
    result but its rounding. The same seed draws the same directions for every network of this shape.
    """
    model.eval()
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    product, loss = hessian_products(model, parameters, inputs, labels, settings.batch_size)
    largest, error = largest_eigenvalue(product, parameters, settings.iterations, seed)
    samples = traces(product, parameters, settings.probes, seed)
    (trace, trace_error), (weighted, weighted_error) = map(_mean, samples)
    return Curvature(trace, trace_error, weighted, weighted_error, largest, error, loss, settings.probes)


def hessian_products(
    model: nn.Module, parameters: list[nn.Parameter], inputs: Tensor, labels: Tensor, batch_size: int
) -> tuple[Product, float]:
    """The map v -> Hv of the mean loss over all inputs, and that loss. One batch keeps its graph between calls."""
    shares = [len(part) / len(labels) for part in labels.split(batch_size)]
    batches = list(zip(inputs.split(batch_size), labels.split(batch_size), shares, strict=True))

    def gradient(x: Tensor, y: Tensor) -> tuple[Tensor, Vector]:
        with sdpa_kernel(SDPBackend.MATH):  # the others cannot be differentiated twice
            loss = F.cross_entropy(model(x), y)
            return loss.detach(), list(torch.autograd.grad(loss, parameters, create_graph=True))

    first, kept = gradient(*batches[0][:2])
    losses = [first] + [F.cross_entropy(model(x), y).detach() for x, y, _ in batches[1:]]

    def product(vector: Vector) -> Vector:
        total = [torch.zeros_like(parameter) for parameter in parameters]
        for x, y, share in batches:
            slope = kept if len(batches) == 1 else gradient(x, y)[1]
            along = torch.autograd.grad(slope, parameters, vector, retain_graph=len(batches) == 1, allow_unused=True)
            for sum_, part in zip(total, along, strict=True):
                if part is not None:  # the loss is linear in this parameter
                    sum_.add_(part, alpha=share)
        return total

    return product, float(sum(share * loss for (_, _, share), loss in zip(batches, losses, strict=True)))


def traces(product: Product, parameters: list[nn.Parameter], probes: int, seed: int) -> np.ndarray:
    """Hutchinson's samples, float64 [2, probes], of the trace and of the sum of the layers' weighted by their scale."""
    own = np.array([_scale(parameter) for parameter in parameters])
    scales = np.where(own > 0, own, OTHER_SCALE)
    samples = np.zeros((2, probes))
    for probe in range(probes):
        drawn = signs(parameters, named_seed("curvature", seed, "probes"), probe)
        vector = [part * scale for part, scale in zip(drawn, scales.tolist(), strict=True)]
        of_blocks = np.array([_dot(v, h) for v, h in zip(vector, product(vector), strict=True)])
        samples[:, probe] = (of_blocks / scales**2).sum(), of_blocks[own > 0].sum()
    return samples


def signs(parameters: list[nn.Parameter], seed: int, probe: int) -> Vector:
    """Entries of -1 and 1 for each parameter, drawn on its device by a hash, which is the same on every device."""
    draws = Draws(seed, torch.zeros(1, dtype=torch.int64), torch.tensor([probe]), parameters[0].device)
    fields = (draws.uniform(str(number), *parameter.shape)[0] for number, parameter in enumerate(parameters))
    return [torch.where(field < 0.5, -1.0, 1.0).to(parameters[0]) for field in fields]


def largest_eigenvalue(
    product: Product, parameters: list[nn.Parameter], iterations: int, seed: int
) -> tuple[float, float]:
    """The largest eigenvalue after Lanczos' iterations, and the norm of its residual."""
    source = torch.Generator().manual_seed(named_seed("curvature", seed, "start"))
    now = [torch.randn(parameter.shape, generator=source).to(parameter.device) for parameter in parameters]
    size = _norm(now)
    now = [part / size for part in now]
    before, beta = [torch.zeros_like(part) for part in now], 0.0
    diagonal, beside = [], []
    for _ in range(min(iterations, sum(parameter.numel() for parameter in parameters))):
        image = product(now)
        diagonal.append(sum(_dot(a, b) for a, b in zip(image, now, strict=True)))
        image = [h - diagonal[-1] * q - beta * p for h, q, p in zip(image, now, before, strict=True)]
        beta = _norm(image)
        beside.append(beta)
        if beta <= 1e-6 * max(map(abs, diagonal)):  # the directions reached are closed under H
            break
        before, now = now, [part / beta for part in image]
    values, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(beside[:-1], 1) + np.diag(beside[:-1], -1))
    return float(values[-1]), float(beside[-1] * abs(vectors[-1, -1]))


def _scale(parameter: Tensor) -> float:
    """|w| / sqrt(d) of a matrix or filter; 0 for biases and normalisation."""
    return _norm([parameter.detach()]) / parameter.numel() ** 0.5 if parameter.ndim > 1 else 0.0


def _dot(a: Tensor, b: Tensor) -> float:
    return float((in_float64(a) * in_float64(b)).sum())


def _norm(vector: Vector) -> float:
    return sum(_dot(part, part) for part in vector) ** 0.5


def _mean(samples: np.ndarray) -> tuple[float, float]:
    """The mean over probes and its standard error."""
    error = float(samples.std(ddof=1)) / len(samples) ** 0.5 if len(samples) > 1 else float("nan")
    return float(samples.mean()), error


def measured(run: Path, shards: list[Path], settings: CurvatureSettings, device: torch.device) -> Curvature:
    """The curvature at one run's weights."""
    images, labels = fixed_batch(shards, settings.curvature.images, settings.seed)
    model = trained(run, settings.network, device)
    inputs = building.as_input(building.as_unit(torch.from_numpy(images).to(device)), settings.network.input)
    classes = torch.from_numpy(labels).long().to(device)
    return curvature(model, inputs, classes, settings.curvature, settings.seed)
