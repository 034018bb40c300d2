"""The diffusion model that is trained here, on sets that are made here: time, recognition, recall and coverage.

Trains it and a judge by `config.yaml`, draws images, and prints one line of a table; writes some images as a sheet.
Training is timed in CPU seconds.

    python tests/benchmarks/generator.py shapes [--blocks '{"training": {"steps": 2400}}'] [--guidance 2]
    python tests/benchmarks/generator.py digits
"""

import argparse
import copy
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw

from weightscape.data.digits import mnist
from weightscape.formats.shards import ImageSet
from weightscape.formats.typed import from_json
from weightscape.generate import ddpm, judge, sampler
from weightscape.generate.judge_settings import TrainJudgeSettings
from weightscape.generate.model_settings import TrainGeneratorSettings
from weightscape.generate.quality import MeasureQualitySettings, quality
from weightscape.generate.settings import Ddpm, SamplingSettings
from weightscape.project import DEFAULT_CONFIG
from weightscape.study import generator_sizes
from weightscape.study.config import load

ROOT = Path(__file__).parents[2]
SIDE, FINE = 32, 128  # pixels of an image, and of the drawing that is brought to it
KINDS = ("disc", "ring", "star", "square", "triangle")
SHOWN = 20  # images of a class on the sheet


def shapes(count: int, seed: int) -> ImageSet:
    """Drawn figures of five classes, in any colour, place, size and turn, plain or in stripes, on such a ground."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % len(KINDS)
    images = []
    for label in labels:
        ground, figure = _colours(rng)
        inside = _figure(KINDS[label], rng)
        pixels = (1 - inside) * _texture(ground, rng) + inside * _texture(figure, rng)
        picture = Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).resize((SIDE, SIDE), Image.Resampling.BOX)
        images.append(np.asarray(picture).transpose(2, 0, 1))
    return ImageSet(np.ascontiguousarray(np.stack(images)), labels)


def _colours(rng: np.random.Generator) -> np.ndarray:
    """Two colours that differ."""
    drawn = rng.uniform(0, 255, (100, 2, 3))
    return drawn[np.linalg.norm(drawn[:, 0] - drawn[:, 1], axis=1) > 120][0]


def _figure(kind: str, rng: np.random.Generator) -> np.ndarray:
    """The share of the figure in every pixel, [128, 128, 1]."""
    picture = Image.new("L", (FINE, FINE))
    draw = ImageDraw.Draw(picture)
    radius = rng.uniform(0.26, 0.44) * FINE
    centre, turn = FINE / 2 + rng.uniform(-1, 1, 2) * (FINE / 2 - radius), rng.uniform(0, 2 * np.pi)
    if kind in ("disc", "ring"):
        draw.circle(centre.tolist(), radius, fill=255)
        if kind == "ring":
            draw.circle(centre.tolist(), 0.55 * radius, fill=0)
    else:
        corners = {"star": 10, "square": 4, "triangle": 3}[kind]
        angles = turn + 2 * np.pi * np.arange(corners) / corners
        lengths = radius * np.where((np.arange(corners) % 2 == 1) & (kind == "star"), 0.42, 1)
        points = centre + lengths[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        draw.polygon([tuple(point) for point in points.tolist()], fill=255)
    return np.asarray(picture, np.float32)[..., None] / 255


def _texture(colour: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A colour, in one of two cases in stripes with a darker or a brighter one."""
    if rng.random() < 0.5:
        return np.broadcast_to(colour, (FINE, FINE, 3))
    angle, period, phase = rng.uniform(0, np.pi), rng.uniform(24, 48), rng.uniform(0, 2 * np.pi)
    rows, columns = np.mgrid[:FINE, :FINE]
    wave = np.sin(2 * np.pi * (rows * np.sin(angle) + columns * np.cos(angle)) / period + phase)
    return np.where(wave[..., None] > 0, colour, 0.7 * colour if colour.mean() > 90 else colour + 50)


def digits() -> tuple[ImageSet, ImageSet, ImageSet]:
    """20 digits of each class to train on, 250 for the judge, 100 to test with."""
    whole, rng = mnist(), np.random.default_rng(7)
    rows = np.stack([rng.permutation(np.flatnonzero(whole.labels == label))[:370] for label in range(10)])
    train, extra, test = (whole.take(np.sort(part.ravel())) for part in np.split(rows, [20, 270], axis=1))
    return train, extra, test


SETS: dict[str, Callable[[], tuple[ImageSet, ImageSet, ImageSet]]] = {
    "shapes": lambda: (shapes(500, 1), shapes(2000, 2), shapes(500, 3)),
    "digits": digits,
}


def measured(name: str, blocks: dict[str, Any], guidance: float, count: int) -> tuple[dict[str, Any], ImageSet]:
    """Trains on a set and draws: the measures of stage 2, with CPU seconds, and the images."""
    train, extra, test = SETS[name]()
    channels, side, _ = train.images.shape[1:]
    config: Any = copy.deepcopy(load(DEFAULT_CONFIG, None))
    config["data"][name] = {"image": {"size": side, "channels": channels}}
    block = config["generate"]
    for key, values in blocks.items():
        block[key] |= values
    classes = int(train.labels.max()) + 1
    judging = judge.train(extra, classes, from_json(TrainJudgeSettings, {**block["judge"], "seed": 0}))
    model, training = generator_sizes.model(config, name), generator_sizes.training(config, name)
    start = time.process_time()
    weights = ddpm.train(train, classes, TrainGeneratorSettings(model, training, 1))
    spent = time.process_time() - start
    source = Ddpm("ddpm", model, from_json(SamplingSettings, block["sampling"]), 0, count)
    drawn = sampler.batch_of(weights, source, classes, guidance, 0, "cpu")
    start, labels = time.process_time(), np.arange(count) % classes
    parts = [drawn(labels[at : at + 100].tolist(), range(at, min(at + 100, count))) for at in range(0, count, 100)]
    images = ImageSet(np.concatenate(parts), labels)
    real = float((judge.predict(judging, test.images).argmax(1) == test.labels).mean())
    found = quality(images, test, judging, MeasureQualitySettings(1000, 5, 8, 0.8, 0.2, "stop", 0))
    return vars(found) | {"training": spent, "drawing": time.process_time() - start, "real": real}, images


def sheet(images: ImageSet, path: Path) -> None:
    """The first images of every class, a row of each, as a PNG file."""
    rows = [np.concatenate(list(images.images[images.labels == k][:SHOWN]), axis=2) for k in np.unique(images.labels)]
    pixels = np.concatenate(rows, axis=1).transpose(1, 2, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.squeeze()).save(path)


def main() -> None:
    """Train, draw, measure; print a line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("set", choices=SETS)
    parser.add_argument("--blocks", type=json.loads, default={}, help="changes of config.yaml below `generate`")
    parser.add_argument("--guidance", type=float, default=2.0)
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--sheet", type=Path, default=ROOT / "results" / "bench" / "generator.png")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found, images = measured(arguments.set, arguments.blocks, arguments.guidance, arguments.images)
    sheet(images, arguments.sheet)
    names = ("judge_accuracy", "real", "precision", "recall", "density", "coverage", "kid")
    print(f"| {arguments.set} | {found['training']:.0f} s | {found['drawing']:.0f} s |", end="")
    print("".join(f" {name} {found[name]:.3f} |" for name in names))


if __name__ == "__main__":
    main()
