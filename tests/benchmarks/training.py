"""CPU time of a training run beside a plain torchvision-transforms and DataLoader loop over the same network.

Writes results/bench/training.md. Both loops run in one process with one thread, in turns, on 1,000 grey images of
28 px that the network sees at 32 px, batch 32, 3 epochs; imports are measured in processes of their own. Where a CUDA
device is present the images per second there are reported too.

    python tests/benchmarks/training.py
"""

import os

os.environ.update(OMP_NUM_THREADS="1", MALLOC_MMAP_THRESHOLD_="33554432", MALLOC_TRIM_THRESHOLD_="2000000000")

import argparse
import contextlib
import functools
import io
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
IMAGES, BATCH, EPOCHS, SIDE = 1000, 32, 3, 32
STEPS = EPOCHS * IMAGES // BATCH
AFFINE = {"name": "affine", "degrees": 15, "translate": 0.1, "scale": 0.15, "shear": 10}
GOALS = {"run": 13.0, "ratio": 1.1, "augmentation": 0.15}
SETTINGS = {
    "condition": {"dataset": "mnist", "backbone": "lite", "family": "augment", "dose": "a", "seed": 0},
    "network": {
        "model": "tf_efficientnet_lite0",
        "input": {"size": SIDE, "mean": [0.5] * 3, "std": [0.5] * 3},
    },
    "batch_norm_momentum": None,
    "compile": False,
    "training": {
        "batch_size": BATCH,
        "optimizer": "adam",
        "learning_rate": 1e-3,
        "schedule": "constant",
        "rise": 0.3,
        "betas": [0.9, 0.999],
        "witness_every": 8,
        "history_every": 8,
        "checkpoint_minutes": 60.0,
    },
    "action": {
        "noise": 0.0,
        "dropout": {},
        "weight_decay": {"decay": 0.0, "coupled": False, "head": True, "norms": False},
        "items": dict.fromkeys(("synthetic_share", "extra_share", "changed_labels", "copies"), 0.0),
        "mixing": None,
    },
    "seed": 1,
}
"""Of a run of this project, without what the cases differ in."""

LAZILY = "from weightscape.stages import _lazy_compiler; _lazy_compiler.install()\n"


def ours(device: Any, operations: list[dict[str, Any]], steps: int = STEPS, precision: str = "float32") -> None:
    """A baseline or augmented run of this project's loop."""
    import torch

    from weightscape.assemble.loaded import Items
    from weightscape.finetune import training
    from weightscape.finetune.settings import FinetuneSettings
    from weightscape.formats.typed import from_json
    from weightscape.networks import building

    pixels, labels = data()
    places = torch.arange(IMAGES, device=device)
    labels = labels.to(device)
    items = Items(pixels.to(device), labels, labels, torch.zeros(IMAGES, dtype=torch.int8, device=device), places)
    asked = [
        {"name": block["name"], "magnitudes": {k: v for k, v in block.items() if k != "name"}} for block in operations
    ]
    settings = SETTINGS | {
        "precision": precision,
        "training": SETTINGS["training"] | {"steps": steps},
        "action": SETTINGS["action"] | {"operations": asked},
    }
    model = building.prepared(building.network("tf_efficientnet_lite0", 10), device)
    with contextlib.redirect_stderr(io.StringIO()):
        training.train(model, items, from_json(FinetuneSettings, settings))


def plain(device: Any, operations: list[dict[str, Any]], steps: int = STEPS, tuned: bool = False) -> None:
    """The loop of a tutorial: PIL images, torchvision's transforms, DataLoader, AdamW.

    Tuned, it has our layout of memory (channels_last) and a fused optimiser, so that what is left is the loader and
    our kernels for small maps.
    """
    import timm
    import torch
    from torch.utils.data import DataLoader, Dataset
    from torchvision import transforms

    pixels, labels = data()
    chain = [transforms.Resize(SIDE)]
    if operations:
        chain.append(transforms.RandomAffine(15, (0.1, 0.1), (0.85, 1.15), 10))
    chain += [transforms.Grayscale(3), transforms.ToTensor(), transforms.Normalize([0.5] * 3, [0.5] * 3)]
    transform = transforms.Compose(chain)
    pictures = [transforms.functional.to_pil_image(image) for image in pixels]

    class Pictures(Dataset):
        def __len__(self) -> int:
            return IMAGES

        def __getitem__(self, row: int) -> Any:
            return transform(pictures[row]), int(labels[row])

    loader = DataLoader(Pictures(), batch_size=BATCH, shuffle=True, drop_last=True)
    model = timm.create_model("tf_efficientnet_lite0", num_classes=10).to(device)
    layout = torch.channels_last if tuned else torch.contiguous_format
    model.to(memory_format=layout)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=tuned)
    model.train()
    done = 0
    while done < steps:
        for images, targets in loader:
            images = images.to(device, memory_format=layout)
            loss = torch.nn.functional.cross_entropy(model(images), targets.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            done += 1
            if done == steps:
                break


def data() -> Any:
    """1,000 grey images, uint8 [n, 1, 28, 28], and labels."""
    import torch

    source = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (IMAGES, 1, 28, 28), generator=source, dtype=torch.uint8)
    return pixels, torch.randint(0, 10, (IMAGES,), generator=source)


def seconds(function: Callable[[], None], clock: Callable[[], float]) -> float:
    """Time of one call."""
    start = clock()
    function()
    return clock() - start


def import_seconds(lines: str) -> float:
    """CPU seconds of importing in a fresh process: the least of three."""
    program = f"import time\n{lines}\nprint(time.process_time())"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    runs = [
        subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
        for _ in range(3)
    ]
    return min(float(run.stdout) for run in runs)


def precisions(device: Any, steps: int = 20) -> list[str]:
    """Rows of a table: images per second of each precision, and over that of float32."""
    rates = {}
    for precision in ("float32", "bfloat16", "float16"):
        ours(device, [], 2, precision)
        run = functools.partial(ours, device, [], steps, precision)
        rates[precision] = steps * BATCH / seconds(run, time.perf_counter)
    return [f"| {name} | {rate:.0f} | {rate / rates['float32']:.2f} |" for name, rate in rates.items()]


def stage_imports() -> list[str]:
    """Rows of a table: CPU seconds until a stage's program has read its arguments, and until all that it may use is
    there; least of three."""
    from weightscape.provenance import code_digest

    rows = []
    for path in sorted((ROOT / "workflow" / "weightscape" / "stages").glob("[a-z]*.py")):
        name = f"weightscape.stages.{path.stem}"
        whole = "\n".join(f"import {module}" for module in code_digest.modules(name))
        start = LAZILY
        first, last = (import_seconds(start + lines) for lines in (f"import {name}", whole))
        rows.append(f"| {path.stem} | {first:.2f} | {last:.2f} |")
    return rows


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "bench" / "training.md")
    arguments = parser.parse_args()
    sys.path.insert(0, str(ROOT / "workflow"))
    import torch

    from weightscape.networks.device import prepare

    cpu = prepare("cpu", 1)
    ours(cpu, [], 4), plain(cpu, [], 4)
    found: dict[str, list[float]] = {}
    for _ in range(arguments.repeats):
        for name, loop, operations in (
            ("ours", ours, []),
            ("plain", plain, []),
            ("ours, affine", ours, [AFFINE]),
            ("plain, affine", plain, [AFFINE]),
            ("plain, tuned", functools.partial(plain, tuned=True), []),
        ):
            used = seconds(lambda loop=loop, operations=operations: loop(cpu, operations), time.process_time)
            found.setdefault(name, []).append(used)
    best = {name: min(times) for name, times in found.items()}
    middle = {name: statistics.median(times) for name, times in found.items()}
    images = STEPS * BATCH
    lines = [
        "# Training",
        "",
        f"{STEPS} steps of {BATCH} images of {SIDE} px, one thread, CPU seconds (least and median of "
        f"{arguments.repeats}), torch {torch.__version__}.",
        "",
        "| loop | least | median | images per CPU s |",
        "|---|---|---|---|",
        *(f"| {name} | {best[name]:.1f} | {middle[name]:.1f} | {images / best[name]:.0f} |" for name in best),
        "",
        "| | measured | goal |",
        "|---|---|---|",
        f"| a baseline run, CPU s without imports | {best['ours']:.1f} | <= {GOALS['run']:.0f} |",
        f"| images per CPU s, ours / plain | {best['plain'] / best['ours']:.2f} | >= {GOALS['ratio']} |",
        f"| the same, plain with channels_last and a fused AdamW | {best['plain, tuned'] / best['ours']:.2f} | |",
        f"| the same with an affine policy | {best['plain, affine'] / best['ours, affine']:.2f} | |",
        f"| share of the affine policy in a step | {1 - best['ours'] / best['ours, affine']:.3f} "
        f"| <= {GOALS['augmentation']} |",
        f"| imports of finetune and evaluate, CPU s | {import_seconds(LAZILY + 'import timm, torch'):.1f} | |",
        f"| plain `import timm, torch`, CPU s | {import_seconds('import timm, torch'):.1f} | |",
    ]
    if torch.cuda.is_available():
        gpu = torch.device("cuda")
        ours(gpu, [AFFINE], 20)
        rate = images / seconds(lambda: (ours(gpu, [AFFINE]), torch.cuda.synchronize())[0], time.perf_counter)
        slow = images / seconds(lambda: (plain(gpu, [AFFINE]), torch.cuda.synchronize())[0], time.perf_counter)
        lines.append(f"| images/s on {torch.cuda.get_device_name()}, ours and plain | {rate:.0f}, {slow:.0f} | |")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    lines += ["", f"Precision of training on this {device.type}:", ""]
    lines += ["| precision | images/s | over float32 |", "|---|---|---|", *precisions(device)]
    lines += ["", "Imports of each stage, CPU seconds (least of 3):", ""]
    lines += ["| stage | its module | and every module of the package that it may import |", "|---|---|---|"]
    lines += stage_imports()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
