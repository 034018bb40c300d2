"""The evaluate program, with a network that guesses."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from weightscape.finetune.evaluation import EvaluateSettings, Evaluation
from weightscape.formats.shards import ImageSet, write_shard
from weightscape.networks.settings import InputSettings, NetworkSettings
from weightscape.provenance.records import Origin, write_record
from weightscape.stages import evaluate

SETTINGS = EvaluateSettings("tiny", NetworkSettings("m", InputSettings(8, (0.5,), (0.5,))), Evaluation(4, 5, 0), 0)


class Program:
    """Stands in for the program that main makes."""

    def origin(self, inputs: list[Path]) -> Origin:
        return Origin("evaluate", {}, "code", tuple(inputs))

    def check(self) -> None:
        pass

    def record(self, folder: Path, inputs: list[Path], outputs: list[Path]) -> None:
        write_record(folder, self.origin(inputs), outputs)


def guess(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1)[:, :3].astype(np.float32)


def test_a_split_is_read_once_for_all_runs_and_again_when_it_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads, read = [], evaluate.read_shards
    monkeypatch.setattr(evaluate, "read_shards", lambda paths: reads.append(paths) or read(paths))
    split, runs = tmp_path / "1_data/set/test", [tmp_path / f"run{seed}" for seed in range(3)]
    for seed, run in enumerate(runs):
        run.mkdir()
        (run / "after.safetensors").write_bytes(bytes([seed]))
    for value in (0, 1):
        images = np.full((6, 1, 8, 8), value, np.uint8)
        write_shard(split / "shard-00000.safetensors", ImageSet(images, np.arange(6) % 3))
        origin = Origin("data", {"value": value}, "code")
        write_record(split, origin, [split / "shard-00000.safetensors"])
        for run in runs:
            program = cast(Any, Program())
            evaluate.evaluate_run(run, run, [split / "manifest.json"], SETTINGS, program, lambda _: guess)
        assert len(reads) == value + 1
