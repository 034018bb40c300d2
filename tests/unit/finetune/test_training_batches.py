"""Items held on the device and items in memory-mapped shards give the same batches."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from weightscape.assemble import loaded
from weightscape.assemble.items import COLUMNS, listed
from weightscape.assemble.loaded import load_items
from weightscape.finetune import training
from weightscape.formats.shards import ImageSet, map_shard, picture, write_shards
from weightscape.formats.tables import read_table, write_table


@pytest.fixture
def listing(tmp_path: Path) -> Path:
    """An item list over two shards, with a copy and a synthetic item."""
    rng = np.random.default_rng(0)
    content = ImageSet(rng.integers(0, 255, (30, 3, 8, 8), dtype=np.uint8), np.arange(30) % 3)
    folder = tmp_path / "results" / "1_data" / "set" / "train"
    paths = write_shards(folder, content, 2)
    tables = []
    for number, path in enumerate(paths):
        labels = content.labels[number * 15 : (number + 1) * 15]
        origin = "real" if number == 0 else "ddpm"
        tables.append(listed(str(path.relative_to(tmp_path / "results")), labels, origin))
    table = pd.concat([*tables, tables[0].iloc[:1]], ignore_index=True)[COLUMNS]
    path = tmp_path / "results" / "3_assemble" / "set" / "real" / "items.parquet"
    write_table(path, table)
    return path


def all_batches(items: loaded.Items, steps: range) -> list:
    return list(training.batches(items, 7, steps, 12))


def test_mapped_and_resident_items_give_the_same_batches(listing: Path) -> None:
    resident, _ = load_items(listing, torch.device("cpu"), resident=True)
    mapped, _ = load_items(listing, torch.device("cpu"), resident=False)
    assert isinstance(resident.images, torch.Tensor) and isinstance(mapped.images, loaded.Mapped)
    for one, other in zip(all_batches(resident, range(6)), all_batches(mapped, range(6)), strict=True):
        assert one[0] == other[0]
        for a, b in zip(one[1:], other[1:], strict=True):
            assert torch.equal(a, b)


def test_the_description_counts_what_the_list_holds(listing: Path) -> None:
    items, paths = load_items(listing, torch.device("cpu"))
    found = items.description()
    assert (found["items"], found["unique_images"]) == (31, 30) and len(paths) == 2
    assert found["synthetic_share"] == pytest.approx(15 / 31) and found["extra_share"] == 0


def test_real_images_are_known_where_some_items_are_none(listing: Path) -> None:
    first, second = sorted((listing.parents[3] / "1_data/set/train").glob("*.safetensors"))
    items, read = load_items(listing, torch.device("cpu"), real=[first])
    assert items.real == {picture(image) for image in map_shard(first).images} and read == [first, second]
    real = read_table(listing).query("origin == 'real'")
    write_table(listing, real)
    assert load_items(listing, torch.device("cpu"), real=[second])[0].real == frozenset()


def test_batches_go_on_where_they_stopped(listing: Path) -> None:
    items, _ = load_items(listing, torch.device("cpu"), resident=False)
    whole = all_batches(items, range(6))[3:]
    for one, other in zip(whole, all_batches(items, range(3, 6)), strict=True):
        assert one[0] == other[0] and torch.equal(one[3], other[3])
