"""One run of the finetune program, killed in mid-training by real signals, ends with the same bytes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from unit.stages.toy_training import SETTINGS, arguments
from weightscape.project import ROOT

WORKFLOW = ROOT / "workflow"


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Arguments of the program."""
    return [*arguments(tmp_path_factory.mktemp("results")), "--device", "cpu"]


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


@pytest.mark.process
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
