"""Embeddings of stored images: each image is embedded once, and a list has the rows that its own images give."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from weightscape.assemble.embedded_images import EmbeddedImages, places_in
from weightscape.assemble.fixed_rows import fixed_rows
from weightscape.assemble.loaded import Items, Mapped
from weightscape.diversity.measure import Comparisons
from weightscape.formats.tensors import write_tensors

SHARDS = ("1_data/toy/train/shard-00000", "1_data/toy/train/shard-00001", "1_data/toy/extra/shard-00000", "made")
IMAGES = 7


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Shards of random images: two of the training set, one held out, one that nothing embedded before."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("results")
    paths = [folder / f"{name}.safetensors" for name in SHARDS]
    for path in paths:
        images = rng.integers(0, 256, (IMAGES, 1, 4, 4), np.uint8)
        write_tensors(path, {"images": images, "labels": np.zeros(IMAGES, np.int64)})
    return paths


def rows_of(images: Tensor) -> np.ndarray:
    """A made-up embedding, of each image alone."""
    return torch.stack([images.mean((1, 2, 3)), images.amax((1, 2, 3)), images[:, 0, 1, 2]], 1).numpy()


def items_of(paths: list[Path], wanted: list[tuple[int, int]], mapped: bool) -> Items:
    """Items that name images by shard and number."""
    from weightscape.formats.shards import map_shard

    numbers = np.array(wanted)
    images = Mapped([np.asarray(map_shard(path).images) for path in paths], numbers[:, 0], numbers[:, 1])
    labels = torch.zeros(len(wanted), dtype=torch.int64)
    held = images if mapped else images.gather(np.arange(len(wanted)), False)
    return Items(held, labels, labels, labels, labels)


PLACES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, IMAGES - 1)), min_size=1, max_size=30)


@settings(max_examples=60)
@given(st.lists(PLACES, min_size=1, max_size=3), st.integers(1, IMAGES), st.booleans())
def test_every_list_has_its_own_rows_and_no_image_is_embedded_twice(
    paths: list[Path], lists: list[list[tuple[int, int]]], most: int, mapped: bool
) -> None:
    seen: list[Tensor] = []

    def embed(images: Tensor) -> np.ndarray:
        seen.extend(images)
        return rows_of(images)

    known = fixed_rows({"net": rows_of}, paths[:2], paths[2:3], most, 2)
    fixed = {space: Comparisons(**sets) for space, sets in known.items()}
    every = [places_in([path]) for path in paths]
    embedded = EmbeddedImages({"net": embed}, fixed, every[0] + every[1], every[2])
    for wanted in lists:
        items = items_of(paths, wanted, mapped)
        rows = embedded.of(items, [every[shard][number] for shard, number in wanted])["net"]
        whole = items_of(paths, wanted, mapped=False).images
        assert isinstance(whole, Tensor)
        np.testing.assert_allclose(rows, rows_of(whole.float() / 255), rtol=1e-6)
    new = {place for wanted in lists for place in wanted if place[0] == 3 or (place[0] == 2 and place[1] >= most)}
    assert len(seen) == len(new)


def test_fixed_rows_are_those_of_the_images_in_the_order_of_the_shards(paths: list[Path]) -> None:
    rows = fixed_rows({"net": rows_of}, paths[:2], paths[2:3], 3, 5)["net"]
    assert {name: len(part) for name, part in rows.items()} == {"baseline": 2 * IMAGES, "reference": 3, "noise": 5}
    wanted = [(shard, number) for shard in (0, 1) for number in range(IMAGES)]
    images = items_of(paths, wanted, mapped=False).images
    assert isinstance(images, Tensor)
    np.testing.assert_allclose(rows["baseline"], rows_of(images.float() / 255), rtol=1e-6)
