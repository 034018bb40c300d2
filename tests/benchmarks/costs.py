"""Measured costs per image beside those that `weightscape cost` counts: does the count explain the seconds?

For the networks of the paper's study and for the denoiser and decoder of Stable Diffusion 1.x: operations of one image
as counted, seconds of the forward pass and of a training step, and the rate that follows. If counts are right, rates
are alike for networks of one kind, and a step takes as many forward passes as the program assumes. For spectra:
seconds of the engine beside the seconds that follow from the shapes and the rates of `workflow/docs/cost.yaml`.
Random weights and images; one thread. Writes results/bench/costs.md.

    python tests/benchmarks/costs.py [--skip-diffusion]
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow"), str(ROOT / "tests")]

import torch  # noqa: E402
import yaml  # noqa: E402

from unit.spectra.measuring import measure  # noqa: E402
from weightscape.costs import generation, stages  # noqa: E402
from weightscape.costs.assumptions import Cpu  # noqa: E402
from weightscape.networks.building import network  # noqa: E402

NETWORKS = {"ViT-B/32": ("vit_base_patch32_clip_quickgelu_224.openai", 224), "RN50": ("resnet50_clip.openai", 224)}
NETWORKS |= {"ResNet-18": ("resnet18_3x3", 64)}
CLASSES = 100
IMAGES = 32
REPETITIONS = 3


def seconds(work: Callable[[], object], repetitions: int = REPETITIONS) -> float:
    """Median wall time after one call that is not counted."""
    work()
    took = []
    for _ in range(repetitions):
        start = time.perf_counter()
        work()
        took.append(time.perf_counter() - start)
    return statistics.median(took)


def of_network(model: str, size: int, cpu: Cpu) -> list[str]:
    """Cells of one network's row."""
    net, images = network(model, CLASSES), torch.rand(IMAGES, 3, size, size)
    count = stages.network_of(model, size, CLASSES)
    labels = torch.zeros(IMAGES, dtype=torch.int64)

    def step() -> None:
        net.zero_grad()
        torch.nn.functional.cross_entropy(net(images), labels).backward()

    with torch.inference_mode():
        forward = seconds(lambda: net.eval()(images)) / IMAGES
    trained = seconds(lambda: (net.train(), step())) / IMAGES
    arrays = {name: array.detach().numpy() for name, array in net.named_parameters()}
    spectra = seconds(lambda: measure(arrays), 1)
    wanted = stages.spectra_seconds(count, cpu, matrices=1)
    return [
        f"{count.operations / 1e9:.2f}",
        f"{1e3 * forward:.1f}",
        f"{count.operations / forward / 1e9:.0f}",
        f"{trained / forward:.2f}",
        f"{spectra:.1f}",
        f"{wanted:.1f}",
    ]


def of_diffusion() -> list[str]:
    """Rows of the denoiser (one pass) and the decoder, one image of 512 px."""
    whole = {}
    for name, steps in (("one", 1), ("two", 2)):
        whole[name] = generation.pipeline_operations(512, steps, False)
    step, decoder = whole["two"] - whole["one"], 2 * whole["one"] - whole["two"]
    unet, decode = generation.stable_diffusion("cpu")
    latent, text, moment = torch.rand(1, 4, 64, 64), torch.rand(1, 77, 768), torch.rand(1)
    rows = []
    with torch.inference_mode():
        for name, count, work in (
            ("denoiser of Stable Diffusion 1.x, a pass", step, lambda: unet(latent, moment, text)),
            ("its decoder", decoder, lambda: decode(latent)),
        ):
            took = seconds(work, 1)
            rows.append(f"| {name} | {count / 1e9:.0f} | {1e3 * took:.0f} | {count / took / 1e9:.0f} | | | |")
    return rows


def main() -> None:
    """Measure, print and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--skip-diffusion", action="store_true", help="leave out what takes a minute and 8 GB")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cpu = Cpu(**yaml.safe_load((ROOT / "workflow/docs/cost.yaml").read_text())["cpu"])
    rows = [f"| {name} | {' | '.join(of_network(*what, cpu))} |" for name, what in NETWORKS.items()]
    rows += [] if arguments.skip_diffusion else of_diffusion()
    text = (
        "# Costs per image, counted and measured\n\n"
        f"One thread, load average {os.getloadavg()[0]:.1f} before the end; batches of {IMAGES}.\n\n"
        "| network | GFLOP, counted | forward, ms | GFLOP/s | step / forward | spectra, s | s by shapes and rates |\n"
        "|---|---:|---:|---:|---:|---:|---:|\n" + "\n".join(rows) + "\n\n"
        f"`weightscape cost` takes a step for {generation.BACKWARD} forward passes.\n"
    )
    target = ROOT / "results" / "bench" / "costs.md"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
