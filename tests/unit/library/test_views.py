import doctest

import numpy as np
import pytest

import weightscape as ws
from weightscape.library import views


def test_the_examples_in_the_docstrings_are_true() -> None:
    found = doctest.testmod(views)
    assert found.attempted and not found.failed


def test_the_summary_is_the_mean_over_hidden_layers_that_have_the_metric(rng: np.random.Generator) -> None:
    weights = {f"{name}.weight": rng.standard_normal((60, 40)) for name in "abc"} | {"small.weight": np.eye(3)}
    table = ws.spectra(weights, head="c")
    found = ws.summary(table)
    hidden = table[table["layer"] != "c"]
    assert found.loc[("after", "log_norm"), "mean"] == pytest.approx(hidden["log_norm"].mean())
    assert found.loc[("after", "alpha"), "n"] == hidden["alpha"].notna().sum() == 2
    with pytest.raises(ws.UserError, match="lacks the column matrix"):
        ws.summary(table[["layer"]])
    with pytest.raises(ws.UserError, match="lacks the column matrix"):
        ws.summary(None)  # pyright: ignore[reportArgumentType]


def test_the_picture_of_noise_has_an_area_of_one_and_no_outlier(rng: np.random.Generator) -> None:
    axes = ws.plot_esd({"a.weight": rng.standard_normal((400, 200)), "b.weight": np.eye(3)}, "a")
    values, edges, _ = axes.patches[0].get_data()
    assert (values * np.diff(edges)).sum() == pytest.approx(1)
    grid, density = axes.lines[0].get_data()
    assert np.trapezoid(density, grid) == pytest.approx(1, abs=0.03)
    assert "0 outliers" in axes.lines[0].get_label()


def test_one_layer_is_named_where_there_are_several(rng: np.random.Generator) -> None:
    weights = {"a.weight": rng.standard_normal((30, 20)), "attn.qkv.weight": rng.standard_normal((60, 20))}
    with pytest.raises(ws.UserError, match="name one as `layer`"):
        ws.plot_esd(weights)
    assert ws.plot_esd(weights, "attn.qkv.k").get_title() == "attn.qkv.k"
