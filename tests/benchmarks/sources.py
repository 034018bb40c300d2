"""Assembling a large data set: images per second and memory, from arrays and from files, beside PIL alone; and what
the hash of copies adds to decoding.

Makes images of 64 px in a temporary folder, runs the program of the stage `data` on them as the workflow does, and
writes results/bench/sources.md. Memory is the sum of the proportional set sizes of the program and of its processes.

    python tests/benchmarks/sources.py [--images 200000] [--files 200000]
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import psutil

ROOT = Path(__file__).parents[2]
SIDE = 64
LIMITS = {"memory": 1000, "rate": 5000, "share": 0.8}  # MB, images/s, of PIL alone
SIDES = (32, 64, 96, 224)  # of the files that are hashed
SPLITS = {"train": "all", "val": 10, "test": 10, "extra": 10}


def make_arrays(folder: Path, count: int) -> dict:
    """Random images as numpy files, written in pieces."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    shape = (count, SIDE, SIDE, 3)
    images = np.lib.format.open_memmap(folder / "train.images.npy", "w+", np.uint8, shape)
    piece = rng.integers(0, 256, (1000, SIDE, SIDE, 3), np.uint8)
    for start in range(0, count, 1000):
        images[start : start + 1000] = np.roll(piece, start // 1000, axis=2)[: count - start]
    del images
    np.save(folder / "train.labels.npy", np.arange(count) % 100)
    return {"source": "arrays", "root": str(folder)}


def make_files(folder: Path, count: int) -> dict:
    """JPEG files of smooth images, 100 classes."""
    from PIL import Image

    rng = np.random.default_rng(0)
    kinds = []
    for number in range(200):
        coarse = rng.integers(0, 256, (8, 8, 3), np.uint8)
        path = folder.with_name(f"kind-{number}.jpg")
        Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(path, quality=90)
        kinds.append(path.read_bytes())
    for number in range(count):
        place = folder / "train" / f"{number % 100:03d}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number:06d}.jpg").write_bytes(kinds[number % len(kinds)])
    return {"source": "image_folder", "root": str(folder)}


def assembled(source: dict, out: Path, workers: int) -> dict:
    """Wall seconds and peak memory of the stage's program, which must write every image."""
    common = {"classes": "all", "per_class": "all", "unreadable": 0.0}
    block = source | common | {"image": {"size": SIDE, "channels": 3, "pixel_limit": 10**8}}
    settings = {"dataset": "d", "split": "train", "shards": 8, "block": block, "splits": SPLITS, "seed": 1}
    command = [sys.executable, "-m", "weightscape.stages.data", "--settings", json.dumps(settings)]
    command += ["--workers", str(workers), "--out", str(out / "1_data/d/train")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow"), "OMP_NUM_THREADS": "1"}
    start, spent = time.perf_counter(), cpu_seconds()
    process = psutil.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        peak = max(peak, memory(process))
        time.sleep(0.2)  # looking costs milliseconds of a core
    seconds = time.perf_counter() - start
    if process.returncode:
        raise SystemExit(f"the program failed: {' '.join(command)}")
    images = json.loads((out / "1_data/d/train/manifest.json").read_text())["facts"]["images"]
    cost = (cpu_seconds() - spent) / images
    return {"images": images, "seconds": seconds, "rate": images / seconds, "memory": peak / 1e6, "cpu": cost}


def cpu_seconds() -> float:
    """CPU time of all processes that were started here and have ended, in seconds."""
    times = os.times()
    return times.children_user + times.children_system


def memory(process: psutil.Process) -> int:
    """Proportional set size of a process and of its children, in bytes."""
    total = 0
    for one in [process, *process.children(recursive=True)]:
        try:
            total += one.memory_full_info().pss
        except psutil.Error:
            continue
    return total


def decode(paths: list[str]) -> float:
    """PIL alone: each file opened, brought to RGB and made an array; the CPU seconds that it took."""
    from PIL import Image

    start = time.process_time()
    for path in paths:
        with Image.open(path) as picture:
            np.asarray(picture.convert("RGB"))
    return time.process_time() - start


def alone(folder: Path, workers: int) -> dict:
    """Images per second that PIL alone decodes in as many processes, without their start."""
    paths = sorted(map(str, folder.rglob("*.jpg")))
    with ProcessPoolExecutor(workers, get_context("spawn")) as executor:
        list(executor.map(decode, [paths[:50]] * (2 * workers)))
        start = time.perf_counter()
        spent = sum(executor.map(decode, [paths[k::workers] for k in range(workers)]))
        seconds = time.perf_counter() - start
    return {"images": len(paths), "seconds": seconds, "rate": len(paths) / seconds, "cpu": spent / len(paths)}


def hashed(size: int) -> tuple[float, float]:
    """CPU seconds that decoding a JPEG file of `size` pixels takes, and hashing it; medians of turns in one process."""
    from weightscape.data import copies
    from weightscape.data.decoding import Form, decode

    rng, form, times = np.random.default_rng(0), Form(size, 3, 10**8), []
    files = [_photograph(size, rng) for _ in range(60)]
    images = np.ascontiguousarray(np.stack([decode(file, form) for file in files]))
    images = np.concatenate([images] * 12)[: copies.AT_ONCE_BYTES // images[0].size]
    for _ in range(15):
        start = time.process_time()
        for file in files:
            decode(file, form)
        middle = time.process_time()
        for _ in range(10):
            copies.digest(images)
            copies.coefficients(images)
        times.append(((middle - start) / len(files), (time.process_time() - middle) / 10 / len(images)))
    decoding, hashing = np.median(times, axis=0)
    return float(decoding), float(hashing)


def _photograph(size: int, rng: np.random.Generator) -> bytes:
    """A JPEG file of coloured noise whose amplitude falls as 1 / frequency, as that of photographs does."""
    from PIL import Image

    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size)))
    frequency[0, 0] = np.inf
    grey, *colours = np.fft.ifft2(np.fft.fft2(rng.normal(size=(4, size, size))) / frequency).real
    pixels = np.stack([0.8 * grey + 0.2 * colour for colour in colours], axis=-1)
    stream = io.BytesIO()
    levels = (128 + 50 * pixels / pixels.std()).clip(0, 255).astype(np.uint8)
    Image.fromarray(levels).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def _line(name: str, found: dict) -> str:
    memory_mb = f"{found['memory']:.0f}" if "memory" in found else ""
    numbers = f"{found['images']} | {found['seconds']:.1f} | {found['rate']:.0f} | {found['cpu'] * 1e6:.0f}"
    return f"| {name} | {numbers} | {memory_mb} |"


def main() -> None:
    """Measure, compare with the limits, and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=200_000)
    parser.add_argument("--files", type=int, default=200_000)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "bench" / "sources.md")
    arguments = parser.parse_args()
    cores = 2
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        arrays = assembled(make_arrays(folder / "arrays", arguments.images), folder / "a", cores)
        files = make_files(folder / "files", arguments.files)
        before = alone(folder / "files", cores)
        decoded = assembled(files, folder / "b", cores)
        after = alone(folder / "files", cores)
    library, cost = ((before[key] + after[key]) / 2 for key in ("rate", "cpu"))
    share = decoded["rate"] / library
    lines = [
        "# Assembling large data sets",
        "",
        f"Images of {SIDE} px in colour, {cores} processes, 8 shards, load average {os.getloadavg()[0]:.1f} on "
        f"{os.cpu_count()} cores; `python tests/benchmarks/sources.py`. Seconds are those of the whole program, its "
        "start included. CPU time is that of all processes, and is what decides where all cores are busy.",
        "",
        "| from | images | seconds | images/s | CPU, us/image | memory, MB |",
        "| --- | --- | --- | --- | --- | --- |",
        _line("arrays", arrays),
        _line("JPEG files", decoded),
        _line("JPEG files, PIL alone, before", before),
        _line("JPEG files, PIL alone, after", after),
        "",
        f"Decoding reaches {share:.0%} of PIL alone by the clock and {cost / decoded['cpu']:.0%} by CPU time (wanted "
        f"{LIMITS['share']:.0%}); arrays {arrays['rate']:.0f} images/s by the clock, {cores / arrays['cpu']:.0f} by "
        f"CPU time on {cores} cores (wanted {LIMITS['rate']}); memory "
        f"{max(arrays['memory'], decoded['memory']):.0f} MB "
        f"(at most {LIMITS['memory']}).",
        "",
        "| side, px | decoding a JPEG file, us | hashing it, us | share |",
        "| --- | --- | --- | --- |",
        *(f"| {side} | {d * 1e6:.0f} | {h * 1e6:.1f} | {h / d:.1%} |" for side in SIDES for d, h in [hashed(side)]),
    ]
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
