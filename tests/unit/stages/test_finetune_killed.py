"""One run of the finetune program, killed in mid-training by real signals, ends with the same bytes.

Only the runs that are killed are processes of their own; the others are the same program in this one.
"""

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
from weightscape.stages import finetune

WORKFLOW = ROOT / "workflow"


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Arguments of the program."""
    return [*arguments(tmp_path_factory.mktemp("results")), "--device", "cpu"]


def words(inputs: list[str], out: Path) -> list[str]:
    return [*inputs, "--out", str(out), "--settings", json.dumps(SETTINGS)]


def start(inputs: list[str], out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "weightscape.stages.finetune", *words(inputs, out)]
    variables = {**os.environ, "PYTHONPATH": str(WORKFLOW), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=variables)


@pytest.fixture(scope="module")
def undisturbed(inputs: list[str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("undisturbed")
    finetune.main(words(inputs, out))
    made = contents(out)
    assert made["initial.safetensors"] != made["after.safetensors"]
    return made


def contents(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.iterdir() if path.name != "provenance.json"}


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_killed_in_mid_training_ends_with_the_same_bytes(
    inputs: list[str],
    undisturbed: dict[str, bytes],
    tmp_path: Path,
    number: signal.Signals,
    capsys: pytest.CaptureFixture[str],
) -> None:
    running = start(inputs, tmp_path)
    while not (tmp_path / "checkpoint.pt").exists():
        assert running.poll() is None, running.communicate()[1]
        time.sleep(0.01)
    running.send_signal(number)
    running.communicate(timeout=300)
    assert running.returncode == (143 if number == signal.SIGTERM else -signal.SIGKILL)
    assert (tmp_path / "checkpoint.pt").exists() and not (tmp_path / "after.safetensors").exists()
    finetune.main(words(inputs, tmp_path))
    assert "resumed after" in capsys.readouterr().err
    left = {path.name for path in tmp_path.glob(".*.tmp")}
    assert {name: content for name, content in contents(tmp_path).items() if name not in left} == undisturbed
