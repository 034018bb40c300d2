"""Updates from a start that differs in shape, names or range: each row has a status, none is lost."""

import numpy as np
import pytest

from unit.spectra.measuring import chosen, measure
from weightscape.spectra.table import MATRICES

RNG = np.random.default_rng(0)


def rows_of(after: np.ndarray, before: np.ndarray | None, **options):
    start = {"other.weight": np.ones((4, 4))} if before is None else {"w.weight": before}
    table, values = measure({"w.weight": after}, start, matrices=MATRICES, **options)
    return table.set_index("matrix"), values


@pytest.mark.parametrize("device", [None, "cpu"])
def test_a_replaced_head_has_both_its_spectra_and_no_update(device):
    rows, values = rows_of(RNG.normal(size=(10, 32)), RNG.normal(size=(100, 32)), device=device)
    assert list(rows["status"]) == ["ok", "ok", "shape (10, 32) was (100, 32) before"]
    assert (rows.loc["before", "N"], rows.loc["before", "M"], rows.loc["after", "M"]) == (100, 32, 10)
    assert set(values) == {"before/w/weight", "after/w/weight"}
    assert len(values["before/w/weight"]) == 32


def test_a_tensor_that_is_new_has_a_row_after_and_two_that_say_so():
    rows, _ = rows_of(RNG.normal(size=(10, 32)), None)
    assert list(rows["status"]) == ["before has no such tensor", "ok", "before has no such tensor"]


@pytest.mark.parametrize(
    ("after", "before", "statuses"),
    [
        ((1, 32), (10, 32), ["ok", "one row: no spectrum", "one row: no spectrum"]),
        ((10, 32), (1, 32), ["one row: no spectrum", "ok", "shape (10, 32) was (1, 32) before"]),
        ((10, 32), (32,), ["shape (10, 32) was (32,) before", "ok", "shape (10, 32) was (32,) before"]),
        ((10, 32), (10, 0), ["shape (10, 32) was (10, 0) before", "ok", "shape (10, 32) was (10, 0) before"]),
        ((8, 6, 3, 3), (8, 6, 5, 5), ["ok", "ok", "shape (8, 6, 3, 3) was (8, 6, 5, 5) before"]),
        ((8, 6, 1, 1), (8, 6), ["ok", "ok", "shape (8, 6, 1, 1) was (8, 6) before"]),
    ],
)
def test_a_start_of_any_other_shape_is_measured_or_named(after, before, statuses):
    assert list(rows_of(RNG.normal(size=after), RNG.normal(size=before))[0]["status"]) == statuses


def test_a_fused_weight_that_was_of_another_shape_keeps_its_parts():
    after, before = ({"a.qkv.weight": RNG.normal(size=(3 * side, 24))} for side in (24, 16))
    table, _ = measure(after, before, matrices=MATRICES)
    assert list(table["part"]) == ["q"] * 3 + ["k"] * 3 + ["v"] * 3
    assert list(table[table["matrix"] == "before"]["M"]) == [16] * 3


def test_a_start_over_the_memory_limit_is_still_known_to_be_of_another_shape():
    limit = chosen(memory_limit=50_000)
    rows, _ = rows_of(RNG.normal(size=(10, 32)), RNG.normal(size=(500, 32)), settings=limit)
    assert rows.loc["before", "status"].startswith("needs 0.0 GiB")
    assert rows.loc["delta", "status"] == "shape (10, 32) was (500, 32) before"


def test_nan_and_whole_numbers_before_are_named_in_the_rows_that_need_them():
    weight = RNG.normal(size=(20, 10))
    rows, _ = rows_of(weight, np.where(weight > 2, np.nan, weight))
    assert list(rows["status"]) == ["NaN in w.weight (before)", "ok", "NaN in w.weight (before)"]
    rows, _ = rows_of(weight, np.ones((20, 10), np.int8))
    assert list(rows["status"] == "ok") == [False, True, False]


@pytest.mark.parametrize("matrices", [MATRICES, ("after", "delta")])
def test_weights_whose_squares_overflow_leave_their_small_update_without_overlaps(matrices):
    before = 1e160 * RNG.normal(size=(40, 40))
    table, _ = measure({"w.weight": before * (1 + 1e-10)}, {"w.weight": before}, matrices=matrices)
    rows = table.set_index("matrix")
    assert rows.loc["after", "status"].startswith("too large")
    assert rows.loc["delta", "status"] == "ok" and np.isnan(rows.loc["delta", "overlap_before_left"])
    assert 0 < rows.loc["delta", "rounding"] < 1e150


def test_no_update_at_all_is_all_zeros():
    weight = RNG.normal(size=(20, 10))
    rows, _ = rows_of(weight, weight.copy())
    assert rows.loc["delta", "status"] == "all zeros" and rows.loc["delta", "relative_norm"] == 0
