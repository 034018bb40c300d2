"""Parts of a shard: what an interrupted job had made is used again, and nothing else is."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from weightscape.errors import Stopped
from weightscape.formats.shards import ImageSet
from weightscape.generate import partial_shards
from weightscape.generate.partial_shards import Batch, Parts, Work, collected


def batches(first: int) -> Iterator[Batch]:
    """Ten members in batches of two; the second of each batch but the first is refused."""
    for start in range(first, 10, 2):
        rows = np.arange(start, start + (1 if start else 2))
        images = np.full((len(rows), 1, 2, 2), start, np.uint8)
        yield Batch(ImageSet(images, rows % 3), rows, 2 - len(rows))


def stopped_after(shard: Path, count: int) -> None:
    """A job that is told to stop after so many batches, each saved as a part of its own."""
    answers = iter([False] * (count - 1) + [True])
    with pytest.raises(Stopped):
        collected(Work(10, batches), Parts(shard, "a"), lambda: next(answers))


def resumed(shard: Path, identity: str = "a") -> tuple[list[int], list[int], int]:
    """Indices, pixels and refusals of the job that goes on, and the parts are removed."""
    kept = Parts(shard, identity)
    made = collected(Work(10, batches), kept, lambda: False)
    kept.remove()
    assert list(shard.parent.iterdir()) == []
    return made.indices.tolist(), made.content.images[:, 0, 0, 0].tolist(), made.refused


WHOLE = ([0, 1, 2, 4, 6, 8], [0, 0, 2, 4, 6, 8], 4)


@pytest.mark.parametrize("count", range(1, 6))
def test_a_job_that_was_stopped_goes_on_from_its_parts(
    tmp_path: Path, count: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(partial_shards, "SECONDS", 0)
    stopped_after(tmp_path / "shard-00000.safetensors", count)
    assert len(list(tmp_path.iterdir())) == count
    assert resumed(tmp_path / "shard-00000.safetensors") == WHOLE
    assert f"{2 * count} images of an interrupted job are kept" in capsys.readouterr().out


def test_a_job_that_is_told_to_stop_saves_what_waits(tmp_path: Path) -> None:
    stopped_after(tmp_path / "shard-00000.safetensors", 3)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.shard-00000.00000000.safetensors"]
    assert resumed(tmp_path / "shard-00000.safetensors") == WHOLE


def test_a_truncated_part_and_one_of_another_identity_are_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(partial_shards, "SECONDS", 0)
    shard = tmp_path / "shard-00000.safetensors"
    stopped_after(shard, 4)
    second = Parts(shard, "a").path(2)
    second.write_bytes(second.read_bytes()[:-5])
    assert resumed(shard) == WHOLE
    assert "cannot be read" in (text := capsys.readouterr().out) and "2 images of an interrupted job" in text
    stopped_after(shard, 4)
    assert resumed(shard, "b") == WHOLE
    assert "of other settings, inputs or code: ignored" in (text := capsys.readouterr().out) and "are kept" not in text


def test_the_parts_of_another_shard_are_left_alone(tmp_path: Path) -> None:
    stopped_after(tmp_path / "shard-00001.safetensors", 2)
    kept = Parts(tmp_path / "shard-00000.safetensors", "a")
    assert kept.read() == []
    kept.remove()
    assert len(list(tmp_path.iterdir())) == 1
