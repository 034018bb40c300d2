import json
from pathlib import Path

import numpy as np
import pytest

from unit.data.source_miniatures import block, run
from weightscape.data import corruptions
from weightscape.data.settings import CorruptSettings
from weightscape.errors import UserError
from weightscape.formats.shards import read_shard
from weightscape.formats.typed import to_json
from weightscape.stages import corrupt


def test_corruptions_of_colour_images_are_made_in_pieces_as_at_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean = run(tmp_path, block("image_folder", root=str(folder)), "test", shards=2)[0]
    monkeypatch.setattr(corruptions, "AT_ONCE", 4)
    settings = to_json(CorruptSettings("d", "ood-noise", 3, 5, "noise", 2, "all"))
    shards = [str(path) for path in sorted((tmp_path / "1_data/d/test").glob("*.safetensors"))]
    corrupt.main(["--settings", json.dumps(settings), "--out", str(tmp_path / "1_data/d/n"), "--test", *shards])
    parts = [read_shard(path).images for path in sorted((tmp_path / "1_data/d/n").glob("*.safetensors"))]
    assert np.array_equal(np.concatenate(parts), corruptions.corrupt(clean, "noise", 2, np.random.default_rng(5)))


def test_a_corruption_takes_what_can_be_read_of_the_test_images_it_asks_for(folder: Path, tmp_path: Path) -> None:
    sorted((folder / "test" / "a").iterdir())[0].write_bytes(b"broken")
    run(tmp_path, block("image_folder", root=str(folder), unreadable=0.1), "test")
    shard = str(tmp_path / "1_data/d/test/shard-00000.safetensors")

    def count(images: int) -> int:
        settings = to_json(CorruptSettings("d", "ood-noise", 1, 5, "noise", 2, images))
        corrupt.main(["--settings", json.dumps(settings), "--out", str(tmp_path / "out"), "--test", shard])
        return json.loads((tmp_path / "out/manifest.json").read_text())["facts"]["images"]

    assert count(15) == 14 and count(3) == 3
    with pytest.raises(UserError, match="16 images are asked for, but the test split has 15: lower `images`"):
        count(16)
