import numpy as np
import pandas as pd
import pytest

from weightscape.errors import UserError
from weightscape.items import assemble, listed, summary

REAL = listed("real", np.repeat(np.arange(5), 20), "real", float("nan"))
POOL = listed("pool", np.repeat(np.arange(5), 30), "ddpm", 2.0)


def made(family: str, share: float, seed: int = 0) -> pd.DataFrame:
    return assemble(REAL, POOL, family, {"share": share}, np.random.default_rng(seed))


def test_a_baseline_is_the_real_list() -> None:
    assert assemble(REAL, None, "synthetic_add", {}, np.random.default_rng(0)) is REAL


@pytest.mark.parametrize("share", [0.2, 0.5, 1.0])
def test_adding_keeps_every_real_item_and_draws_classes_equally(share: float) -> None:
    items = made("synthetic_add", share)
    assert (items["origin"] == "real").sum() == 100
    extra = items[items["origin"] == "ddpm"]
    assert (extra.groupby("label").size() == share * 20).all()
    assert not extra.duplicated(["shard", "index"]).any()


@pytest.mark.parametrize("share", [0.2, 0.5, 1.0])
def test_replacing_keeps_the_size(share: float) -> None:
    items = made("synthetic_replace", share)
    assert len(items) == 100
    assert summary(items)["synthetic_share"] == pytest.approx(share)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_duplicates_keep_the_size_and_halve_what_is_different(share: float) -> None:
    items = made("duplicate", share)
    assert len(items) == 100
    assert summary(items)["unique_images"] == round(100 * (1 - share))
    assert (items.drop_duplicates(["shard", "index"]).groupby("label").size() == round(20 * (1 - share))).all()


def test_further_real_images_are_added() -> None:
    extra = listed("more", np.repeat(np.arange(5), 30), "extra", float("nan"))
    items = assemble(REAL, extra, "real_add", {"share": 1.0}, np.random.default_rng(0))
    found = summary(items)
    assert (found["items"], found["unique_images"], found["extra_share"], found["synthetic_share"]) == (
        200,
        200,
        0.5,
        0,
    )


def test_label_noise_gives_the_stated_share_another_class() -> None:
    items = made("label_noise", 0.3)
    wrong = items["label"] != items["true_label"]
    assert wrong.mean() == pytest.approx(0.3)
    assert items["label"].isin(range(5)).all()
    assert (items["true_label"] == REAL["label"]).all()


def test_seeds_draw_different_lists_and_repeat_their_own() -> None:
    pd.testing.assert_frame_equal(made("synthetic_add", 0.5), made("synthetic_add", 0.5))
    assert not made("synthetic_add", 0.5).equals(made("synthetic_add", 0.5, seed=1))


def test_too_few_synthetic_images_are_said() -> None:
    with pytest.raises(UserError, match=r"100 images of origin 'ddpm' are needed, but there are 10"):
        assemble(REAL, POOL.iloc[:10], "synthetic_add", {"share": 1.0}, np.random.default_rng(0))
    with pytest.raises(UserError, match=r"100 images are needed, but there are 0: .* loosen generate\.gate"):
        assemble(REAL, POOL.iloc[:0], "synthetic_add", {"share": 1.0}, np.random.default_rng(0))
