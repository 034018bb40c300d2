"""Images that a dose chooses by the diversity that they add to the real ones."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from weightscape.assemble.chosen import DiversityChooser, images_of
from weightscape.assemble.items import assemble, listed
from weightscape.assemble.settings import ItemChange, ItemChoice
from weightscape.diversity.choice import Pool, choose
from weightscape.errors import UserError
from weightscape.formats.shards import ImageSet, write_shards
from weightscape.generate.judge_settings import TrainJudgeSettings

GATE = TrainJudgeSettings(width=4, epochs=12, batch_size=20, learning_rate=0.01, shift=0, seed=1)
REAL, MADE = "1_data/d/train", "2_generate/d/ddpm"


def pictures(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Bright above or below the middle, by the label."""
    images = rng.integers(0, 60, (len(labels), 1, 8, 8), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[0, 4 * label : 4 * label + 4] += 150
    return images


@pytest.fixture
def lists(tmp_path: Path, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame, Path]:
    """40 real images of two classes, and 60 others, of which each fifth has the wrong label."""
    real, made = np.repeat([0, 1], 20), np.repeat([0, 1], 30)
    shown = np.where(np.arange(60) % 5 == 0, 1 - made, made)
    tables = []
    for folder, labels, seen, origin in ((REAL, real, real, "real"), (MADE, made, shown, "ddpm")):
        write_shards(tmp_path / folder, ImageSet(pictures(seen, rng), labels), 1)
        tables.append(listed(f"{folder}/shard-00000.safetensors", labels, origin, "r" if origin == "ddpm" else ""))
    return *tables, tmp_path


def change(kind: str, share: float, **options: object) -> ItemChange:
    chosen = {"method": "log_det", "network": None, "gate": None, "given": True, "pool": 1.0} | options
    return ItemChange(kind, share, "r", ItemChoice(**chosen))  # pyright: ignore


def made(lists: tuple[pd.DataFrame, pd.DataFrame, Path], asked: ItemChange, seed: int = 0) -> pd.DataFrame:
    real, pool, root = lists
    assert asked.choice is not None
    chooser = DiversityChooser(asked.choice, root, {}, 2)
    return assemble(real, pool, asked, np.random.default_rng(seed), chooser=chooser)


def test_the_list_has_the_choice_in_its_order_with_the_gains(lists) -> None:
    items, (real, pool, root) = made(lists, change("add", 0.5)), lists
    rows = [images_of(table, root).reshape(len(table), -1) / np.float32(255) for table in (pool, real)]
    expected = choose("log_det", Pool(*rows, pool["label"].to_numpy(), np.array([10, 10])), 20)
    added = items[items["origin"] == "ddpm"]
    assert added["index"].tolist() == expected.rows.tolist()
    np.testing.assert_allclose(added["gain"], expected.gains, rtol=1e-4)
    assert added["order"].tolist() == list(range(1, 21)) and (items["order"][:40] == 0).all()
    assert added["label"].value_counts().tolist() == [10, 10] and items["gain"][:40].isna().all()


def test_the_gate_learns_from_the_real_images_and_keeps_wrong_ones_out(lists) -> None:
    wrong = lists[1]["index"] % 5 == 0
    for gate, share in ((None, 0.0), (GATE, 1.0)):
        added = made(lists, change("add", 1.0, gate=gate)).query("origin == 'ddpm'")
        assert (1 - added["index"].isin(lists[1]["index"][wrong]).mean() == 1) == bool(share)


def test_seeds_choose_from_different_parts_of_the_pool(lists) -> None:
    first, again, other = (made(lists, change("add", 0.5, pool=0.8), seed) for seed in (1, 1, 2))
    assert first.equals(again) and first["index"].tolist() != other["index"].tolist()
    whole = [made(lists, change("add", 0.5), seed)["index"].tolist() for seed in (1, 2)]
    assert whole[0] == whole[1]


def test_replacing_counts_only_the_real_images_that_stay(lists) -> None:
    items = made(lists, change("replace", 1.0))
    assert len(items) == 40 and (items["origin"] == "ddpm").all() and items["order"].tolist() == list(range(1, 41))


@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize("kind", ["add", "replace"])
def test_what_is_there_counts_unless_nothing_is_given(kind: str, given: bool, lists) -> None:
    items, (_, pool, root) = made(lists, change(kind, 0.5, given=given)), lists
    tables = (pool, *([items[items["origin"] == "real"]] if given else []))
    rows = [images_of(table, root).reshape(len(table), -1) / np.float32(255) for table in tables]
    expected = choose("log_det", Pool(rows[0], *(rows[1:] or [None]), pool["label"].to_numpy(), np.array([10, 10])), 20)
    assert items.loc[items["origin"] == "ddpm", "index"].tolist() == expected.rows.tolist()


def test_a_gate_that_recognises_nothing_is_one_sentence(lists) -> None:
    real, pool, root = lists
    pool = pool[pool["index"] % 5 == 0].assign(label=1 - pool["label"], index=pool["index"] // 5 * 5 + 1)
    asked = change("add", 0.1, gate=GATE)
    assert asked.choice is not None
    with pytest.raises(UserError, match="recognises none of 12 images"):
        assemble(real, pool, asked, np.random.default_rng(0), chooser=DiversityChooser(asked.choice, root, {}, 2))
