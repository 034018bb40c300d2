"""A job that makes synthetic images, killed in mid-work by real signals, ends with the same bytes.

Only the jobs that are killed are processes of their own; the others are the same program in this one.
"""

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unit.generate.chosen import training
from weightscape.formats.shards import ImageSet
from weightscape.formats.tensors import write_tensors
from weightscape.formats.typed import to_json
from weightscape.generate import ddpm, partial_shards
from weightscape.generate.model_settings import ModelSettings, TrainGeneratorSettings
from weightscape.generate.settings import Ddpm, GenerateSettings, SamplingSettings
from weightscape.project import ROOT
from weightscape.provenance.records import Origin, write_record
from weightscape.stages import generate

WORKFLOW = ROOT / "workflow"
MODEL = ModelSettings(patch=2, channels=(8,), layers=1, schedule="squaredcos_cap_v2", filter=False)
SETTINGS = GenerateSettings("ddpm", "guided", 2.0, Ddpm("ddpm", MODEL, SamplingSettings(12, 1.0), 3, 253), None, seed=5)
PROGRAM = """
import sys
from weightscape.generate import partial_shards
from weightscape.stages import _program, generate
partial_shards.SECONDS = 0
_program.run(lambda: generate.main(sys.argv[1:]))
"""
"""The stage's program, which saves a part after every batch."""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A diffusion model of four steps, with its record."""
    path = tmp_path_factory.mktemp("results") / "2_generate/noise/ddpm/model/weights.safetensors"
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (16, 1, 8, 8), np.uint8)
    settings = TrainGeneratorSettings(MODEL, training(steps=4, batch_size=8), seed=0)
    write_tensors(path, ddpm.train(ImageSet(images, np.arange(16) % 3), 3, settings))
    write_record(path.parent, Origin("train_generator", {}, ""), [path], {"classes": 3})
    return path


def arguments(weights: Path, out: Path, **more: Any) -> list[str]:
    settings = json.dumps(to_json(replace(SETTINGS, **more)))
    words = ["--settings", settings, "--weights", str(weights), "--device", "cpu"]
    return [*words, "--out", str(out / "shard-00002.safetensors")]


def start(weights: Path, out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, *arguments(weights, out)]
    variables = {**os.environ, "PYTHONPATH": str(WORKFLOW), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=variables)


def finished(weights: Path, out: Path, **more: Any) -> str:
    """Returns the output of a job that is left alone."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), pytest.MonkeyPatch.context() as patch:
        patch.setattr(partial_shards, "SECONDS", 0)
        generate.main(arguments(weights, out, **more))
    return said.getvalue()


def contents(out: Path) -> dict[str, bytes]:
    """The results in a folder, and the checkpoints, if any are left."""
    made = [path for path in out.iterdir() if "provenance" not in path.name and path.suffix != ".tmp"]
    return {path.name: path.read_bytes() for path in made}


@pytest.fixture(scope="module")
def undisturbed(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("undisturbed")
    finished(weights, out)
    assert set(contents(out)) == {"shard-00002.safetensors", "shard-00002.json"}
    return contents(out)


@pytest.fixture(scope="module")
def left(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a job that was killed."""
    out = tmp_path_factory.mktemp("killed")
    killed(weights, out, signal.SIGKILL)
    return out


def killed(weights: Path, out: Path, number: signal.Signals, after: int = 3) -> list[Path]:
    """The parts that a job leaves which is killed once it has saved so many of its nine."""
    running = start(weights, out)
    while len(list(out.glob("checkpoint.*"))) < after:
        assert running.poll() is None, running.communicate()[0]
        time.sleep(0.005)
    running.send_signal(number)
    running.communicate(timeout=300)
    assert running.returncode == (143 if number == signal.SIGTERM else -signal.SIGKILL)
    assert not (out / "shard-00002.safetensors").exists()
    return sorted(out.glob("checkpoint.*"))


@pytest.mark.process
@pytest.mark.slow
def test_a_shard_whose_job_was_killed_and_terminated_goes_on_and_ends_with_the_same_bytes(
    weights: Path, undisturbed: dict[str, bytes], left: Path, tmp_path: Path
) -> None:
    shutil.copytree(left, tmp_path, dirs_exist_ok=True)
    parts = sorted(tmp_path.glob("checkpoint.*"))
    again = killed(weights, tmp_path, signal.SIGTERM, len(parts) + 1)  # once more, from there
    assert again[: len(parts)] == parts
    text = finished(weights, tmp_path)
    assert "images of an interrupted job are kept" in text
    assert contents(tmp_path) == undisturbed


@pytest.mark.process
@pytest.mark.slow
def test_truncated_parts_are_made_anew(
    weights: Path, undisturbed: dict[str, bytes], left: Path, tmp_path: Path
) -> None:
    shutil.copytree(left, tmp_path, dirs_exist_ok=True)
    parts = sorted(tmp_path.glob("checkpoint.*"))
    parts[1].write_bytes(parts[1].read_bytes()[:-100])
    again = finished(weights, tmp_path)
    assert "100 images of an interrupted job are kept" in again and f"{parts[1]} cannot be read" in again
    assert contents(tmp_path) == undisturbed


@pytest.mark.process
@pytest.mark.slow
def test_parts_of_other_settings_are_made_anew(
    weights: Path, undisturbed: dict[str, bytes], left: Path, tmp_path: Path
) -> None:
    shutil.copytree(left, tmp_path, dirs_exist_ok=True)
    other = finished(weights, tmp_path, guidance=1.0)
    assert "is of other settings, inputs or code: ignored" in other and "are kept" not in other
    assert contents(tmp_path)["shard-00002.safetensors"] != undisturbed["shard-00002.safetensors"]
