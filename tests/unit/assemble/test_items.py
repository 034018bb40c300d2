import numpy as np
import pandas as pd
import pytest

from weightscape.assemble.items import assemble, listed, summary
from weightscape.assemble.settings import UNCHANGED, ItemChange
from weightscape.errors import UserError
from weightscape.families import FAMILIES
from weightscape.formats.typed import from_json

REAL = listed("real", np.repeat(np.arange(5), 20), "real", float("nan"))
POOL = listed("pool", np.repeat(np.arange(5), 30), "ddpm", 2.0)


def change(family: str, share: float) -> ItemChange:
    return from_json(ItemChange, {"kind": FAMILIES[family].items, "share": share, "recipe": None, "choice": None})


def made(family: str, share: float, seed: int = 0) -> pd.DataFrame:
    return assemble(REAL, POOL, change(family, share), np.random.default_rng(seed))


def test_a_baseline_is_the_real_list() -> None:
    assert assemble(REAL, None, UNCHANGED, np.random.default_rng(0)) is REAL


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


UNEQUAL = np.repeat(np.arange(3), [300, 60, 30])
"""Labels of classes that are not equally large."""


@pytest.mark.parametrize("family", ["synthetic_add", "synthetic_replace", "duplicate", "real_add"])
@pytest.mark.parametrize("share", [0.1, 0.37, 0.5, 0.99])
def test_the_shares_of_unequal_classes_stay(family: str, share: float) -> None:
    real, pool = listed("real", UNEQUAL, "real"), listed("pool", np.repeat(np.arange(3), 400), "other")
    items = assemble(real, pool, change(family, share), np.random.default_rng(0))
    shares = np.bincount(items["label"]) / len(items)
    assert np.abs(shares - np.bincount(UNEQUAL) / 390).max() <= 1 / len(items)
    changed = items[items["origin"] == "other"] if family != "duplicate" else items[items.duplicated(["index"])]
    assert len(changed) == round(share * 390)
    assert np.abs(np.bincount(changed["label"], minlength=3) - share * np.bincount(UNEQUAL)).max() <= 1


def test_other_classes_give_more_where_some_further_images_of_one_are_unreadable() -> None:
    real, labels = listed("a", np.repeat([0, 1], [60, 40]), "real"), np.repeat([0, 1], [55, 45])
    items = assemble(real, listed("b", labels, "extra"), change("real_add", 1.0), np.random.default_rng(0))
    assert (items["origin"] == "extra").sum() == 100
    assert np.bincount(items.loc[items["origin"] == "extra", "label"]).tolist() == [55, 45]
    for few, origin, advice in ((50, "extra", "raise data.splits.extra$"), (55, "ddpm", "raise images_per_class")):
        pool = listed("b", np.repeat([0, 1], [few, 50]), origin)
        with pytest.raises(UserError, match=rf"of class '0' there are {few} of 60: lower the share, or {advice}"):
            assemble(real, pool, change("real_add", 1.0), np.random.default_rng(0))


def test_classes_that_cannot_be_filled_are_named() -> None:
    """A quality gate can leave a class without images, though there are enough in sum."""
    pool = listed("pool", np.repeat([0, 1, 3, 4], 100), "ddpm")
    with pytest.raises(
        UserError, match=r"of class 'three' there are 0 of 10: lower the share, or raise images_per_class"
    ) as fault:
        names = ["one", "two", "three", "four", "five"]
        assemble(REAL, pool, change("synthetic_replace", 0.5), np.random.default_rng(0), names)
    assert "\n" not in str(fault.value)


def test_a_pool_may_lack_one_image_of_a_class() -> None:
    """Strata are rounded: of two equally large splits one may hold an image more of a class."""
    real, pool = listed("a", np.repeat([0, 1], [51, 49]), "real"), listed("b", np.repeat([0, 1], [50, 50]), "extra")
    items = assemble(real, pool, change("real_add", 1.0), np.random.default_rng(0))
    assert np.bincount(items["label"]).tolist() == [101, 99]
    with pytest.raises(UserError, match="of class '0' there are 0 of 1:"):  # but none may vanish
        assemble(real[49:53], pool[50:], change("synthetic_add", 0.5), np.random.default_rng(0))


def test_no_class_gives_more_real_images_than_it_has() -> None:
    """No class can fill in for another if every real image is replaced."""
    real, pool = listed("a", np.repeat([0, 1], [51, 49]), "real"), listed("b", np.repeat([0, 1], [50, 60]), "ddpm")
    with pytest.raises(UserError, match="of class '0' there are 50 of 51: lower the share, or raise images_per_class"):
        assemble(real, pool, change("synthetic_replace", 1.0), np.random.default_rng(0))
    items = assemble(real, pool, change("synthetic_replace", 0.99), np.random.default_rng(0))
    assert np.bincount(items["label"]).tolist() == [51, 49] and summary(items)["synthetic_share"] == 0.99


def test_copies_of_classes_with_one_image_come_from_others() -> None:
    real = listed("a", np.array([0, *[1] * 9]), "real")
    items = assemble(real, None, change("duplicate", 0.8), np.random.default_rng(0))
    assert np.bincount(items["label"]).tolist() == [1, 9]
    assert summary(items)["unique_images"] == 2
    with pytest.raises(UserError, match="9 of 10 images cannot be copies, as one of each of 2 classes is none"):
        assemble(real, None, change("duplicate", 0.9), np.random.default_rng(0))


def test_further_real_images_are_added() -> None:
    extra = listed("more", np.repeat(np.arange(5), 30), "extra", float("nan"))
    items = assemble(REAL, extra, change("real_add", 1.0), np.random.default_rng(0))
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
    with pytest.raises(UserError, match=r"100 images of origin 'ddpm' are needed, .* class '1' there are 0 of 20"):
        assemble(REAL, POOL.iloc[:10], change("synthetic_add", 1.0), np.random.default_rng(0))
    with pytest.raises(UserError, match=r"100 images are needed, .* of class '0' there are 0 .* loosen generate\.gate"):
        assemble(REAL, POOL.iloc[:0], change("synthetic_add", 1.0), np.random.default_rng(0))
