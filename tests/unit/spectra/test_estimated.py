"""Rows of matrices above `estimate_above`: exact norms, estimates with errors, and no eigenvalues."""

import numpy as np
import pandas as pd
import pytest

import weightscape as ws
from unit.spectra.measuring import chosen, measure
from weightscape.cli import main
from weightscape.formats.tensors import write_tensors
from weightscape.spectra import large
from weightscape.spectra.table import leading_vectors

SETTINGS = chosen(estimate_above=50)
EXACT = ("norm", "log_norm", "rounding", "num_evals", "N", "M", "Q", "rf", "ww_scale", "relative_norm")
EXACT += ("kept_share", "log_free_norm")
CLOSE = ("spectral_norm", "log_spectral_norm", "sv_max", "stable_rank", "log_stable_rank")
WITH_ERROR = ("effective_rank", "participation_ratio", "spectral_norm")


def pair(rng: np.random.Generator) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """A network before and after: a linear layer, a convolution, one that stays small, one over two shapes."""
    shapes = {"a.weight": (120, 90), "c.weight": (70, 60, 3, 3), "s.weight": (80, 40)}
    before = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    after = {name: value + 0.1 * rng.standard_normal(value.shape).astype(np.float32) for name, value in before.items()}
    return after | {"head.weight": np.ones((60, 55))}, before | {"head.weight": np.ones((10, 55))}


def test_rows_have_the_columns_of_the_decomposition_within_their_errors(rng: np.random.Generator) -> None:
    after, before = pair(rng)
    matrices = ("before", "after", "delta")
    found, values = measure(after, before, settings=SETTINGS, matrices=matrices)
    exact, _ = measure(after, before, matrices=matrices)
    for (_, row), (_, other) in zip(found.iterrows(), exact.iterrows(), strict=True):
        assert (row["layer"], row["matrix"]) == (other["layer"], other["matrix"])
        if row["layer"] not in ("a", "c"):
            continue
        assert row["status"] == f"estimated: side {row['M']:.0f} is above estimate_above = 50"
        assert row["alpha_status"].startswith("not estimated") and np.isnan(row["alpha"]) and np.isnan(row["rank"])
        for name in EXACT:
            assert row[name] == pytest.approx(other[name], rel=1e-9, nan_ok=True), name
        for name in CLOSE:
            assert row[name] == pytest.approx(other[name], rel=1e-7), name
        for name in WITH_ERROR:
            assert abs(row[name] - other[name]) <= 6 * row[f"{name}_error"] + 1e-4 * other[name], name
    assert {name.split("/")[1] for name in values} == {"s", "head"}
    small = found["layer"] == "s"
    pd.testing.assert_frame_equal(found[small], exact[small])
    assert found.attrs["eigenvalues"].endswith("above side 50") and "quadrature" not in exact.attrs["eigenvalues"]


def test_a_head_that_grew_is_estimated_after_and_decomposed_before(rng: np.random.Generator) -> None:
    after, before = pair(rng)
    table, _ = measure(after, before, settings=SETTINGS, matrices=("before", "after", "delta"))
    rows = table[table["layer"] == "head"].set_index("matrix")["status"]
    assert rows["before"].startswith("constant") and rows["after"].startswith("estimated")
    assert rows["delta"].startswith("shape")


def test_an_estimate_of_a_matrix_with_a_remark_says_both(rng: np.random.Generator) -> None:
    table, _ = measure({"attn.to_qkv.weight": rng.standard_normal((180, 60))}, settings=SETTINGS)
    status = table["status"].iloc[0]
    assert status.startswith("estimated") and status.endswith("the order of its queries, keys and values is not known")


def test_estimates_do_not_depend_on_workers_lanes_or_other_layers(rng: np.random.Generator) -> None:
    after, before = pair(rng)
    tables = [
        measure(after, before, settings=SETTINGS, matrices=("after", "delta"), workers=workers, lanes=lanes)[0]
        for workers, lanes in ((1, None), (3, None), (1, 0))
    ]
    alone, _ = measure({"a.weight": after["a.weight"]}, settings=SETTINGS)
    estimated = [table[table["status"].str.startswith("estimated")] for table in tables]
    for other in estimated[1:]:
        pd.testing.assert_frame_equal(estimated[0].reset_index(drop=True), other.reset_index(drop=True))
    assert alone["effective_rank"].iloc[0] == estimated[0]["effective_rank"].iloc[0]
    other_seed, _ = measure(after, settings=chosen(estimate_above=50, seed=1))
    assert other_seed["effective_rank"].iloc[0] != alone["effective_rank"].iloc[0]


def test_the_memory_limit_of_decompositions_does_not_hold_for_estimates(rng: np.random.Generator) -> None:
    weights = {"a.weight": rng.standard_normal((300, 200))}
    table, _ = measure(weights, settings=chosen(estimate_above=100, memory_limit=1000))
    assert table["status"].iloc[0].startswith("estimated")


@pytest.mark.parametrize(
    ("matrix", "status"),
    [
        (np.zeros((60, 60)), "all zeros"),
        (np.full((60, 60), np.nan), "NaN in a.weight (after)"),
        (np.full((60, 60), 1e200), "squares of the entries of a.weight leave float64"),
        (np.full((60, 60), 1e-200), "squares of the entries of a.weight leave float64"),
        (
            np.ones((60, 60), np.int8),
            "not floating-point: quantised weights, sparse tensors and whole numbers are not measured",
        ),
    ],
)
def test_what_has_no_estimate_says_why(matrix: np.ndarray, status: str) -> None:
    table, _ = measure({"a.weight": matrix}, settings=SETTINGS)
    assert table["status"].iloc[0] == status


def test_large_and_small_entries_keep_their_digits(rng: np.random.Generator) -> None:
    matrix = rng.standard_normal((80, 60))
    row, scaled = (measure({"a.weight": factor * matrix}, settings=SETTINGS)[0].iloc[0] for factor in (1.0, 2.0**400))
    assert scaled["log_norm"] == pytest.approx(row["log_norm"] + 800 * np.log10(2))
    assert scaled["effective_rank"] == pytest.approx(row["effective_rank"])


def test_leading_vectors_are_those_of_matrices_that_are_decomposed(rng: np.random.Generator) -> None:
    _, before = pair(rng)
    names = leading_vectors(before, SETTINGS)
    assert {name.split("/")[1] for name in names} == {"s", "head"}


def test_the_command_and_the_library_estimate_from_a_stated_side_on(
    rng: np.random.Generator, tmp_path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = {"a.weight": rng.standard_normal((90, 60)), "b.weight": rng.standard_normal((90, 30))}
    write_tensors(tmp_path / "w.safetensors", weights)
    words = ["spectra", str(tmp_path / "w.safetensors"), "--out", str(tmp_path / "t.csv"), "--estimate-above", "40"]
    assert main(words) == 0
    assert "2 matrices, 1 measured (1 more estimated, with errors in columns of their own)" in capsys.readouterr().out
    command = pd.read_csv(tmp_path / "t.csv").set_index("layer")
    library = ws.spectra(weights, estimate_above=40).set_index("layer")
    assert command.loc["a", "effective_rank"] == library.loc["a", "effective_rank"]
    assert command.loc["a", "status"].startswith("estimated") and command.loc["b", "status"] == "ok"
    assert ws.spectra(weights)["status"].eq("ok").all()
    assert main([*words[:-1], "0"]) == 1 and "at least 1" in capsys.readouterr().err
    with pytest.raises(ws.UserError, match="estimate_above = 0: give a whole number from 1"):
        ws.spectra(weights, estimate_above=0)


def test_the_constants_are_those_that_the_docs_state() -> None:
    from weightscape.project import ROOT

    page = (ROOT / "workflow/docs/spectra.md").read_text()
    assert f"{large.PROBES} probes" in page and f"{large.STEPS} steps" in page
