"""One run of the finetune program, killed in mid-training by real signals, ends with the same bytes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from weightscape.files import write_table, write_tensors
from weightscape.images import ImageSet, write_shards
from weightscape.items import listed
from weightscape.records import place, write_record

WORKFLOW = Path(__file__).parents[2] / "workflow"
SETTINGS = {
    "model": "test_efficientnet",
    "input": {"size": 32, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
    "batch_norm_momentum": 0.1,
    "training": {
        "steps": 120, "batch_size": 8, "optimizer": "adam", "precision": "float32", "compile": False,
        "learning_rate": 1e-3, "schedule": "one_cycle", "rise": 0.2, "betas": [0.9, 0.95],
        "witness_every": 1, "history_every": 2, "checkpoint_every": 10,
    },
    "action": {
        "operations": [], "noise": 0.1, "dropout": {"head": 0.0, "path": 0.0},
        "weight_decay": {"decay": 0.0, "coupled": False, "head": True, "norms": False},
    },
    "seed": 3,
}  # fmt: skip


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A training set of noise, its item list and a network without weights, as arguments of the program."""
    root = tmp_path_factory.mktemp("results")
    folder = root / "1_data" / "noise" / "train"
    rng = np.random.default_rng(0)
    content = ImageSet(rng.integers(0, 256, (48, 1, 32, 32), np.uint8), np.arange(48) % 3)
    shards = write_shards(folder, content, 1)
    facts = {"classes": ["a", "b", "c"]}
    write_record(folder, stage="data", settings={}, code="", inputs=[], outputs=shards, facts=facts)
    items = root / "3_assemble" / "noise" / "real" / "items.parquet"
    write_table(items, listed(place(shards[0]), content.labels, "real", float("nan")))
    backbone = root / "1_data" / "backbones" / "none" / "weights.safetensors"
    write_tensors(backbone, {})
    paths = ("--items", str(items), "--data", str(folder / "manifest.json"), "--backbone", str(backbone))
    return [*paths, "--device", "cpu"]


def start(inputs: list[str], out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "weightscape.stages.finetune", *inputs, "--out", str(out)]
    command += ["--settings", json.dumps(SETTINGS)]
    variables = {**os.environ, "PYTHONPATH": str(WORKFLOW), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=variables)


@pytest.fixture(scope="module")
def undisturbed(inputs: list[str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("undisturbed")
    running = start(inputs, out)
    _, text = running.communicate(timeout=300)
    assert running.returncode == 0, text
    made = contents(out)
    assert made["initial.safetensors"] != made["after.safetensors"]
    return made


def contents(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.iterdir() if path.name != "provenance.json"}


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_killed_in_mid_training_ends_with_the_same_bytes(
    inputs: list[str], undisturbed: dict[str, bytes], tmp_path: Path, number: signal.Signals
) -> None:
    running = start(inputs, tmp_path)
    while not (tmp_path / "checkpoint.pt").exists():
        assert running.poll() is None, running.communicate()[1]
        time.sleep(0.01)
    running.send_signal(number)
    running.communicate(timeout=300)
    assert running.returncode == (143 if number == signal.SIGTERM else -signal.SIGKILL)
    assert (tmp_path / "checkpoint.pt").exists() and not (tmp_path / "after.safetensors").exists()
    resumed = start(inputs, tmp_path)
    _, text = resumed.communicate(timeout=300)
    assert resumed.returncode == 0 and "resumed after" in text, text
    left = {path.name for path in tmp_path.glob(".*.tmp")}
    assert {name: content for name, content in contents(tmp_path).items() if name not in left} == undisturbed
