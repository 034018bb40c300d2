"""Training on a GPU: the same bytes twice, resumed as if nothing had happened, in every precision, and how fast."""

import contextlib
import hashlib
import io
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import training as benchmark
from unit.finetune.small_runs import AFFINE, acting, items, model, same, settings_of
from weightscape.assemble.loaded import Items
from weightscape.augmentations.operations import Operation
from weightscape.errors import Stopped
from weightscape.finetune import training
from weightscape.networks import building
from weightscape.networks.checkpoint import Checkpoint
from weightscape.networks.device import prepare

pytestmark = pytest.mark.cuda
ACT = acting(operations=(AFFINE, Operation("augmix", {"severity": 3, "width": 3})), dropout={"head": 0.4}, noise=0.05)


def on(device: torch.device) -> Items:
    content = items()
    columns = (content.labels, content.true_labels, content.origins, content.sources)
    return Items(content.images.to(device), *(column.to(device) for column in columns))


def run(device: torch.device, **changes: Any) -> tuple[dict[str, Any], list[dict[str, float]]]:
    """Weights and history of a run on a device."""
    keywords = {name: changes.pop(name) for name in ("checkpoint", "stopped") if name in changes}
    net = building.prepared(model(ACT), device)
    history, _ = training.train(net, on(device), settings_of(ACT, **changes), **keywords)
    return building.tensors_of(net), history


def test_two_runs_have_the_same_bytes(device: torch.device) -> None:
    (one, first), (other, second) = run(device, steps=20), run(device, steps=20)
    assert same(one, other) and first == second


BESIDE = """
import sys, time
from pathlib import Path
from gpu.test_training_on_gpu import digest, run
from weightscape.networks.device import prepare
device, own, other = prepare(sys.argv[1], 1), *map(Path, sys.argv[2:])
run(device, steps=1)
own.touch()
end = time.monotonic() + 300
while not other.exists() and time.monotonic() < end:
    time.sleep(0.01)
print(digest(run(device, steps=20)[0]))
"""
"""A run that begins when another one has made its first step on the same device."""


def digest(weights: dict[str, Any]) -> str:
    return hashlib.sha256(b"".join(weights[name].tobytes() for name in sorted(weights))).hexdigest()


def test_two_runs_side_by_side_have_the_bytes_of_one_alone(device: torch.device, tmp_path: Path) -> None:
    alone, _ = run(device, steps=20)
    command = [sys.executable, "-c", BESIDE, str(device)]
    paths = [str(tmp_path / name) for name in ("one", "other")]
    jobs = [subprocess.Popen([*command, *order], stdout=subprocess.PIPE, text=True) for order in (paths, paths[::-1])]
    found = [job.communicate(timeout=600)[0].split()[-1:] for job in jobs]
    assert found == [[digest(alone)]] * 2


def test_a_stopped_run_goes_on_to_the_same_bytes(device: torch.device, tmp_path: Path) -> None:
    whole, _ = run(device, steps=12)
    asked = iter([False, False, True])
    with pytest.raises(Stopped):
        run(device, steps=12, checkpoint=Checkpoint(tmp_path / "c.pt", "x"), stopped=lambda: next(asked, True))
    resumed, _ = run(device, steps=12, checkpoint=Checkpoint(tmp_path / "c.pt", "x"))
    assert same(whole, resumed)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_every_precision_trains(device: torch.device, precision: str) -> None:
    if device.type == "cpu" and precision == "float16":
        pytest.skip("a CPU has no float16 of its own")
    weights, history = run(device, precision=precision)
    reference, _ = run(device)
    assert all(torch.isfinite(torch.from_numpy(tensor)).all() for tensor in weights.values())
    assert history[-1]["loss"] < 5 and set(weights) == set(reference)


def test_a_run_on_the_gpu_is_near_one_on_the_cpu(device: torch.device) -> None:
    """To the size of steps that Adam makes where a gradient is near 0."""
    prepare("cpu", 1)
    on_cpu, _ = run(torch.device("cpu"), steps=2)
    on_gpu, _ = run(device, steps=2)
    for name, tensor in on_cpu.items():
        torch.testing.assert_close(torch.from_numpy(on_gpu[name]), torch.from_numpy(tensor), atol=5e-3, rtol=0.02)


def test_compiled_networks_train(device: torch.device) -> None:
    if device.type == "cpu":
        pytest.skip("needs a compiler of C++")
    _, compiled = run(device, steps=4, compile=True)
    _, plain = run(device, steps=4)
    assert compiled[-1]["loss"] == pytest.approx(plain[-1]["loss"], rel=0.05)


def test_images_per_second_beside_a_plain_loop(device: torch.device, page: Any) -> None:
    """The tutorial's loop: PIL images, torchvision's transforms, a DataLoader, AdamW."""
    steps = 40 if device.type == "cuda" else 2
    rates = {}
    for name, loop in (("ours", benchmark.ours), ("plain", benchmark.plain)):
        loop(device, [benchmark.AFFINE], 2)
        rates[name] = (
            steps * benchmark.BATCH / _seconds(device, lambda loop=loop: loop(device, [benchmark.AFFINE], steps))
        )
    page.lines.append(
        f"| EfficientNet-Lite0, affine, float32, batch {benchmark.BATCH}: images/s, ours and plain "
        f"| {rates['ours']:.0f}, {rates['plain']:.0f} ({rates['ours'] / rates['plain']:.1f} times) |"
    )
    assert rates["ours"] > 0


def _seconds(device: torch.device, work: Callable[[], None]) -> float:
    """Seconds until the device is done."""
    started = time.perf_counter()
    with contextlib.redirect_stderr(io.StringIO()):
        work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


@pytest.mark.parametrize(
    ("name", "side"), [("vit_base_patch32_clip_224", 224), ("resnet50_clip", 224), ("resnet18_3x3", 64)]
)
def test_a_networks_images_per_second_and_share_of_its_products(
    device: torch.device, page: Any, name: str, side: int
) -> None:
    """Batch 32 in bfloat16; the bound is the time of the network's operations at the rate of a large product."""
    if device.type == "cpu":
        side, name = 32, "resnet18_3x3"
    from torch.utils.flop_counter import FlopCounterMode

    net = building.prepared(building.network(name, 10), device)
    building.unfuse_attention(net)
    images = torch.rand(32, 3, side, side, device=device).contiguous(memory_format=torch.channels_last)
    labels = torch.zeros(32, dtype=torch.int64, device=device)
    optimizer = torch.optim.AdamW(net.parameters(), fused=True)

    def steps(count: int) -> None:
        for _ in range(count):
            with torch.autocast(device.type, torch.bfloat16):
                loss = torch.nn.functional.cross_entropy(net(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    with FlopCounterMode(display=False) as counter:
        steps(1)
    count = 50 if device.type == "cuda" else 1
    took = _seconds(device, lambda: steps(count)) / count
    bound = counter.get_total_flops() / _product_rate(device)
    page.lines.append(f"| {name}: images/s of bare steps; share of the bound | {32 / took:.0f}; {bound / took:.2f} |")
    assert took > 0


def _product_rate(device: torch.device) -> float:
    """Operations per second of a large product in bfloat16."""
    size, repeats = (8192, 20) if device.type == "cuda" else (256, 1)
    a = torch.rand(size, size, device=device, dtype=torch.bfloat16)
    for _ in range(2):
        took = _seconds(device, lambda: [a @ a for _ in range(repeats)] and None)
    return repeats * 2 * size**3 / took
