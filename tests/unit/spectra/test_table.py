"""The table of spectra: rows, statuses, updates, reproducibility."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest

from unit.spectra.measuring import DEFAULT, chosen, measure
from weightscape.errors import UserError
from weightscape.project import ROOT
from weightscape.spectra.columns import COLUMNS, TEXT
from weightscape.spectra.table import leading_vectors, parts_of

ALL_ON = chosen(
    null=True,
    interval=True,
    interval_draws=20,
    goodness=True,
    goodness_draws=20,
    alternatives=True,
    farms=True,
    farms_side=16,
    farms_stride=16,
)


def network(seed=0):
    random = np.random.default_rng(seed)
    shapes = {
        "stem.weight": (16, 3, 3, 3),
        "dw.weight": (16, 1, 3, 3),
        "norm.weight": (16,),
        "attn.qkv.weight": (96, 32),
        "attn.proj.weight": (32, 32),
        "mlp.weight": (128, 32),
        "head.weight": (10, 32),
        "head.bias": (10,),
    }
    return {name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def one(tensor, settings=DEFAULT):
    table, values = measure({"x.weight": tensor}, settings=settings)
    return table.iloc[0], values


def test_there_is_one_row_per_part_and_matrix_in_the_order_of_the_state_dict():
    after, before = network(0), network(1)
    table, values = measure(after, before, matrices=("before", "after", "delta"))
    rows = list(zip(table["layer"], table["part"], table["matrix"], strict=True))
    assert rows[:3] == [
        ("stem", "weight", "before"),
        ("stem", "weight", "after"),
        ("stem", "weight", "delta"),
    ]
    assert [part for layer, part, matrix in rows if layer == "attn.qkv" and matrix == "after"] == [
        "q",
        "k",
        "v",
    ]
    assert list(table.columns) == list(COLUMNS)
    assert set(values) == {f"{matrix}/{layer}/{part}" for layer, part, matrix in rows if layer != "dw"}


def test_numbers_are_floats_and_words_are_words():
    table, _ = measure(network())
    for name in COLUMNS:
        assert (table[name].dtype == np.float64) == (name not in TEXT), name


def test_eigenvalues_are_undivided_sorted_squared_singular_values():
    after = network()
    table, values = measure(after)
    exact = np.linalg.svd(after["mlp.weight"].astype(float), compute_uv=False)[::-1] ** 2
    np.testing.assert_allclose(values["after/mlp/weight"], exact, rtol=1e-10)
    stem = values["after/stem/weight"]
    assert len(stem) == 27 and (np.diff(stem) >= 0).all()
    row = table.set_index("layer").loc["stem"]
    assert row["norm"] == pytest.approx(0.5 * stem.sum())
    assert row["ww_scale"] == 0.5


def test_delta_is_after_minus_before_and_compared_with_both():
    after, before = network(0), network(1)
    table, values = measure(after, before, matrices=("delta",))
    row = table[table["layer"] == "mlp"].iloc[0]
    change = after["mlp.weight"].astype(float) - before["mlp.weight"]
    np.testing.assert_allclose(
        values["delta/mlp/weight"], np.linalg.svd(change, compute_uv=False)[::-1] ** 2, rtol=1e-10
    )
    size = np.linalg.norm(before["mlp.weight"].astype(float))
    assert row["relative_norm"] == pytest.approx(np.linalg.norm(change) / size)
    assert row["overlap_vectors"] == 10
    assert 0 < row["overlap_before_left"] < 1


def test_an_update_along_the_leading_directions_overlaps_with_them():
    random = np.random.default_rng(0)
    before = random.standard_normal((60, 40)) + 100 * np.outer(np.eye(60)[0], np.eye(40)[0])
    after = before + 5 * np.outer(np.eye(60)[0], np.eye(40)[0])
    settings = chosen(overlap_vectors=1)
    table, _ = measure({"w.weight": after}, {"w.weight": before}, matrices=("delta",), settings=settings)
    assert table.loc[0, "overlap_before_left"] > 0.95
    assert table.loc[0, "matrix_rank"] == 1
    assert np.isnan(table.loc[0, "entropy"])


def test_the_head_has_its_role():
    table, _ = measure(network(), head=frozenset({"head"}))
    assert list(table.loc[table["role"] == "head", "layer"]) == ["head"]
    also, _ = measure(network(), head=frozenset({"head.weight"}))
    pd.testing.assert_frame_equal(table, also)


def test_tied_weights_come_once():
    weight = network()["mlp.weight"]
    assert [part.layer for part in parts_of({"wte.weight": weight, "lm_head.weight": weight})] == ["wte"]


def test_neither_workers_nor_repetition_change_a_bit():
    after, before = network(0), network(1)
    first, values = measure(after, before, matrices=("before", "after", "delta"), settings=ALL_ON)
    again, others = measure(after, before, matrices=("before", "after", "delta"), settings=ALL_ON, workers=2)
    pd.testing.assert_frame_equal(first, again, check_exact=True)
    for name, array in values.items():
        assert array.tobytes() == others[name].tobytes()


def test_every_column_is_defined_for_some_row_when_all_is_switched_on():
    random = np.random.default_rng(0)
    after = {"w.weight": random.standard_t(2, (200, 100))}
    before = {"w.weight": random.standard_t(2, (200, 100))}
    table, _ = measure(after, before, matrices=("delta",), settings=ALL_ON)
    measured = [name for name in COLUMNS if not name.endswith("_error")]  # the others are of estimates
    missing = [name for name in measured if table[name].isna().all()]
    assert missing == ["num_outliers", "outlier_energy"]  # an update with such tails holds no noise to exceed


def test_an_optional_part_does_not_change_the_others():
    after, before = network(0), network(1)
    base, _ = measure(after, before, matrices=("delta",))
    more, _ = measure(after, before, matrices=("delta",), settings=ALL_ON)
    for name in COLUMNS:
        known = base[name].notna()
        pd.testing.assert_series_equal(base.loc[known, name], more.loc[known, name])


@pytest.mark.parametrize(
    ("tensor", "status"),
    [
        (np.zeros((20, 10)), "all zeros"),
        (np.full((20, 10), 0.5), "constant: every entry is 0.5"),
        (np.ones((1, 30)), "one row: no spectrum"),
        (np.ones((32, 1, 3, 3)), "depthwise: slices of one row have no spectrum"),
        (np.full((20, 10), np.nan), "NaN in x.weight (after)"),
        (np.where(np.eye(20, 10) > 0, np.inf, 0.0), "infinite values in x.weight (after)"),
        (
            np.ones((20, 10), np.int8),
            "not floating-point: quantised weights, sparse tensors and whole numbers are not measured",
        ),
    ],
)
def test_degenerate_weights_have_a_row_and_a_status(tensor, status):
    row, _ = one(tensor)
    assert row["status"] == status
    assert np.isnan(row["alpha"]) and row["alpha_status"] != "ok"


def test_nowhere_is_there_a_sentinel():
    tensors = {
        "zero.weight": np.zeros((20, 10)),
        "constant.weight": np.ones((20, 10)),
        "low.weight": np.outer(np.arange(30.0), np.ones(20)),
        "tiny.weight": 1e-12 * np.random.default_rng(0).standard_normal((30, 20)),
        "few.weight": np.random.default_rng(0).standard_normal((5, 3)),
        "two.weight": np.random.default_rng(0).standard_normal((2, 2)),
    }
    table, _ = measure(tensors, settings=ALL_ON)
    numbers = table.drop(columns=[*TEXT, "log_norm", "log_spectral_norm", "log_alpha_norm", "alpha_weighted"])
    numbers = numbers.drop(columns=["lognormal_ratio", "exponential_ratio"])
    assert not (numbers < 0).to_numpy().any()
    assert not np.isinf(numbers.to_numpy()).any()


def test_rank_deficient_weights_are_measured_and_say_so():
    random = np.random.default_rng(0)
    row, _ = one(random.standard_normal((60, 5)) @ random.standard_normal((5, 40)))
    assert row["status"] == "ok"
    assert (row["matrix_rank"], row["rank_loss"]) == (5, 35)
    assert row["phase"] == "rank-collapse"


def test_too_few_eigenvalues_leave_alpha_undefined_and_the_rest_defined():
    row, _ = one(np.random.default_rng(0).standard_normal((40, 5)))
    assert row["status"] == "ok"
    assert row["alpha_status"] == "5 eigenvalues above 1e-05, a fit needs 8"
    assert row["effective_rank"] > 1


def test_a_tensor_over_the_memory_limit_is_left_out_with_its_need():
    row, values = one(np.ones((200, 100)), chosen(memory_limit=1000))
    assert row["status"].startswith("needs 0.0 GiB") and not values


def test_a_changed_shape_and_a_missing_tensor_are_named():
    after = {"a.weight": np.ones((4, 3)), "b.weight": np.ones((4, 4))}
    table, _ = measure(after, {"a.weight": np.ones((5, 3))}, matrices=("delta",))
    assert list(table["status"]) == ["shape (4, 3) was (5, 3) before", "before has no such tensor"]


def test_scaling_the_weights_scales_norms_and_leaves_shapes():
    tensor = np.random.default_rng(0).standard_t(3, (90, 60))
    (row, _), (scaled, _) = one(tensor), one(8 * tensor)
    for name in (
        "alpha",
        "tail_alpha",
        "hill_alpha",
        "effective_rank",
        "num_outliers",
        "mp_softrank",
        "stable_rank",
    ):
        assert scaled[name] == pytest.approx(row[name], rel=1e-8), name
    assert scaled["norm"] == pytest.approx(64 * row["norm"])
    assert scaled["xmin"] == pytest.approx(64 * row["xmin"])


def test_transposing_a_weight_changes_nothing():
    tensor = np.random.default_rng(0).standard_t(3, (90, 60))
    (row, _), (turned, _) = one(tensor), one(tensor.T)
    for name in set(COLUMNS) - TEXT:
        assert turned[name] == pytest.approx(row[name], rel=1e-7, nan_ok=True), name


@pytest.mark.parametrize("shape", [(900, 400), (700, 700)])
def test_the_work_space_is_at_most_four_times_the_matrix(shape):
    random = np.random.default_rng(0)
    after, before = ({"w.weight": random.standard_normal(shape, np.float32)} for _ in range(2))
    measure(after, before, matrices=("before", "after", "delta"))  # so that imports are not counted
    tracemalloc.start()
    measure(after, before, matrices=("before", "after", "delta"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= 4 * 8 * shape[0] * shape[1]


def test_every_column_is_documented_word_for_word():
    page = (ROOT / "workflow" / "docs" / "spectra.md").read_text()
    for name, definition in COLUMNS.items():
        assert f"| `{name}` | {definition.replace('|', '&#124;')} |" in page, name


def test_updates_need_the_weights_before():
    with pytest.raises(UserError, match="'delta' needs the weights before"):
        measure(network(), matrices=("delta",))
    with pytest.raises(UserError, match="'middle' is not known"):
        measure(network(), matrices=("middle",))


def test_the_null_of_a_spiked_matrix_is_far_and_of_noise_is_near():
    random = np.random.default_rng(0)
    noise = random.standard_normal((150, 120))
    signs = np.outer(random.choice([-1, 1], 150), random.choice([-1, 1], 120))
    spiked = noise + 60 * signs / np.sqrt(18000)
    settings = chosen(null=True)
    (near, _), (far, _) = one(noise, settings), one(spiked, settings)
    assert near["ww_softrank"] == pytest.approx(1, abs=0.1)
    assert far["ww_softrank"] < 0.5
    assert far["rand_distance"] > 3 * near["rand_distance"]


def two_states(seed: int = 0) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Weights before and after an update: two layers of one shape, a wide one, a convolution, a depthwise one."""
    rng = np.random.default_rng(seed)
    shapes = {
        "one.weight": (40, 30),
        "two.weight": (40, 30),
        "wide.weight": (20, 60),
        "conv.weight": (16, 12, 3, 3),
        "deep.weight": (16, 1, 3, 3),
    }
    before = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    return before, {name: tensor + 0.1 * rng.standard_normal(tensor.shape) for name, tensor in before.items()}


def test_leading_vectors_of_before_are_reused_to_the_same_numbers():
    before, after = two_states()
    settings = chosen(overlap_vectors=3)
    known = leading_vectors(before, settings)
    matrices = ("after", "delta")
    plain, _ = measure(after, before, settings=settings, matrices=matrices)
    reused, _ = measure(after, before, settings=settings, matrices=matrices, leading=known)
    pd.testing.assert_frame_equal(plain, reused, rtol=1e-12)
    wrong = {name: np.roll(array, 1, axis=1) for name, array in known.items()}
    other, _ = measure(after, before, settings=settings, matrices=matrices, leading=wrong)
    assert not np.allclose(plain["overlap_before_left"], other["overlap_before_left"], equal_nan=True)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
@pytest.mark.parametrize("limit", [2**33, 40_000])
def test_torch_gives_the_same_numbers(device, limit):
    before, after = two_states()
    settings = chosen(overlap_vectors=3, memory_limit=limit)
    matrices = ("before", "after", "delta")
    by_numpy, values = measure(after, before, settings=settings, matrices=matrices)
    by_torch, others = measure(after, before, settings=settings, matrices=matrices, device=device)
    pd.testing.assert_frame_equal(by_numpy, by_torch, rtol=1e-8, atol=1e-12)
    for name, array in values.items():
        np.testing.assert_allclose(others[name], array, rtol=1e-9)


def test_an_update_is_split_into_shrinkage_and_the_rest():
    random = np.random.default_rng(3)
    before = random.standard_normal((40, 30))
    other = random.standard_normal((40, 30))
    other -= before * np.vdot(other, before) / np.vdot(before, before)  # nothing along the start
    table, _ = measure({"w.weight": 0.9 * before + 0.1 * other}, {"w.weight": before}, matrices=("delta",))
    (row,) = table.to_dict("records")
    assert row["kept_share"] == pytest.approx(0.9)
    assert row["log_free_norm"] == pytest.approx(np.log10(0.01 * np.vdot(other, other)))


@pytest.mark.parametrize("factor", [0.5, 1.0, 1.5])
def test_weights_that_only_shrink_have_no_free_update(factor: float):
    before = np.random.default_rng(4).standard_normal((20, 10))
    table, _ = measure({"w.weight": factor * before}, {"w.weight": before}, matrices=("after", "delta"))
    row = table.set_index("matrix").loc["delta"]
    assert row["kept_share"] == pytest.approx(factor) or factor == 1.0  # an update of zeros is no spectrum
    assert not row["log_free_norm"] > -20


def test_the_free_update_of_a_start_of_zeros_is_unknown_and_scales_with_the_weights():
    random = np.random.default_rng(5)
    before, after = random.standard_normal((2, 20, 10))
    table, _ = measure({"w.weight": after}, {"w.weight": np.zeros((20, 10))}, matrices=("delta",))
    assert table[["kept_share", "log_free_norm"]].isna().all(axis=None)
    rows = [
        measure({"w.weight": scale * after}, {"w.weight": scale * before}, matrices=("delta",))[0].iloc[0]
        for scale in (1.0, 10.0)
    ]
    assert rows[1]["kept_share"] == pytest.approx(rows[0]["kept_share"])
    assert rows[1]["log_free_norm"] == pytest.approx(rows[0]["log_free_norm"] + 2)


def test_the_log_stable_rank_is_that_of_the_stable_rank():
    row, _ = one(np.random.default_rng(6).standard_normal((30, 20)))
    assert row["log_stable_rank"] == pytest.approx(np.log10(row["stable_rank"]))
