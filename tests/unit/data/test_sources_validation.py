"""Validation images come from the part that a source has for them, if `parts.val` names it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from unit.data.source_miniatures import hub_block
from weightscape.data import sources
from weightscape.data.settings import source_of
from weightscape.errors import UserError
from weightscape.study.checks import own_files

SPLITS = {"train": "all", "val": "all", "test": "all", "extra": 0}


def saved(folder: Path) -> dict[str, Any]:
    """A data set whose parts have 6, 4 and 2 images, of two classes, each image with the grey level of its part."""
    import datasets

    features = datasets.Features(img=datasets.Image(), kind=datasets.Value("string"))
    parts = {}
    for level, (part, count) in enumerate((("train", 6), ("validation", 4), ("test", 2))):
        rows = [{"img": Image.new("L", (8, 8), 50 * level), "kind": "ab"[place % 2]} for place in range(count)]
        parts[part] = datasets.Dataset.from_list(rows, features=features)
    datasets.DatasetDict(parts).save_to_disk(str(folder))
    columns = {"image": "img", "label": "kind", "domain": None}
    parts_named = {"train": "train", "val": "validation", "test": "test"}
    return hub_block(folder, parts=parts_named, columns=columns, domain=None)


def test_each_split_has_the_images_of_its_own_part(tmp_path: Path) -> None:
    block = saved(tmp_path)
    counts = {name: len(sources.pool_of(source_of(block), name, SPLITS, 0).labels) for name in ("train", "val", "test")}
    assert counts == {"train": 6, "val": 4, "test": 2}
    del block["parts"]["val"]
    splits = SPLITS | {"val": 2}
    assert len(sources.pool_of(source_of(block), "train", splits, 0).labels) == 4


def test_one_part_for_two_purposes_is_refused(tmp_path: Path) -> None:
    block = saved(tmp_path)
    block["parts"]["val"] = "test"
    with pytest.raises(UserError, match="has 'test' for testing and for validation: name two parts"):
        own_files._check_parts("data.a", block)


def test_an_image_folder_may_name_its_validation_part(tmp_path: Path) -> None:
    for part, count in (("train", 4), ("dev", 2)):
        for name in "ab":
            (tmp_path / part / name).mkdir(parents=True)
            for place in range(count):
                array = np.full((8, 8, 3), place, np.uint8)
                Image.fromarray(array).save(tmp_path / part / name / f"{place}.png")
    image = {"size": 8, "channels": 3, "pixel_limit": 10**6}
    block = {"source": "image_folder", "root": str(tmp_path), "image": image, "classes": "all", "per_class": "all"}
    block |= {"unreadable": 0.0, "parts": {"train": "train", "test": None, "val": "dev"}}
    assert len(sources.opened(source_of(block))["val"].labels) == 4
