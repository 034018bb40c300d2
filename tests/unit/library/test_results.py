"""`ws.reanalyse` reads what `ws.spectra` writes, and `ws.load_study` what a workflow wrote."""

import doctest
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import weightscape as ws
from weightscape.library import results

CONDITIONS = {
    "after": "{condition}_{seed}.csv",
    "dataset": "toy",
    "baseline": "plain",
    "families": {"dropout": {"drop": 0.5}},
}


@pytest.fixture(scope="module")
def networks() -> dict[str, dict[str, np.ndarray]]:
    """The start, and two conditions of two seeds; the order of the layers differs between start and end."""
    rng = np.random.default_rng(5)
    start = {f"{name}.weight": rng.standard_normal((80, 60)) for name in ("b", "a", "head")}
    found = {"start": start}
    for seed in (0, 1):
        for condition, size in (("plain", 0.1), ("drop", 0.3)):
            moved = {name: weight * (1 + size) + 0.01 * rng.standard_normal((80, 60)) for name, weight in start.items()}
            found[f"{condition}_{seed}"] = dict(sorted(moved.items()))
    return found


def test_one_table_of_both_sides_gives_the_effects_of_its_metrics(
    networks: dict[str, dict[str, np.ndarray]], tmp_path: Path
) -> None:
    for name, weights in networks.items():
        if name != "start":
            ws.spectra(weights, networks["start"], head="head").to_csv(tmp_path / f"{name}.csv")
    found = ws.reanalyse(tmp_path, CONDITIONS)
    layers = found.tables["published_layers"]
    row = layers[(layers["dataset"] == "toy") & (layers["metric"] == "log_norm")].set_index("layer")
    assert set(row.index) == {"0", "1", "head"}
    moved = [np.log10((networks[f"drop_{s}"]["head.weight"] ** 2).sum()) for s in (0, 1)]
    plain = [np.log10((networks[f"plain_{s}"]["head.weight"] ** 2).sum()) for s in (0, 1)]
    assert row.loc["head", "effect"] == pytest.approx(np.mean(moved) - np.mean(plain))


def test_tables_of_both_sides_in_files_of_their_own_are_matched_by_name(
    networks: dict[str, dict[str, np.ndarray]], tmp_path: Path
) -> None:
    for name, weights in networks.items():
        ws.spectra(weights).to_csv(tmp_path / f"{name}.csv", index=False)
    apart = ws.reanalyse(tmp_path, CONDITIONS | {"before": "start.csv", "head": "head"}).tables["run_effects"]
    both = tmp_path / "both"
    both.mkdir()
    for name, weights in networks.items():
        if name != "start":
            ws.spectra(weights, networks["start"]).to_csv(both / f"{name}.csv", index=False)
    together = ws.reanalyse(both, CONDITIONS | {"head": "head"}).tables["run_effects"]
    pd.testing.assert_frame_equal(apart, together)


def test_tables_that_hold_no_start_are_named(networks: dict[str, dict[str, np.ndarray]], tmp_path: Path) -> None:
    for name, weights in networks.items():
        ws.spectra(weights).to_csv(tmp_path / f"{name}.csv")
    with pytest.raises(ws.UserError, match="has no rows 'before'"):
        ws.reanalyse(tmp_path, CONDITIONS)


def test_a_page_is_written_where_it_is_asked_for(networks: dict[str, dict[str, np.ndarray]], tmp_path: Path) -> None:
    for name, weights in networks.items():
        if name != "start":
            ws.spectra(weights, networks["start"]).to_csv(tmp_path / f"{name}.csv")
    found = ws.reanalyse(tmp_path, CONDITIONS, tmp_path / "out")
    assert found.page is not None and found.page.is_file()
    assert ws.load_study(tmp_path / "out").effects.equals(found.tables["effects"])


def test_a_study_has_its_tables_figures_and_page(tmp_path: Path) -> None:
    table = pd.DataFrame({"a": [1.0]})
    for folder in ("6_metrics", "7_figures", "8_report"):
        (tmp_path / folder).mkdir()
    table.to_parquet(tmp_path / "6_metrics" / "runs.parquet")
    (tmp_path / "7_figures" / "esd.png").touch()
    (tmp_path / "8_report" / "report.html").touch()
    study = ws.load_study(tmp_path)
    table.to_csv(tmp_path / "6_metrics" / "tests.csv", index=False)
    assert ws.load_study(tmp_path).tests.equals(table)
    assert study.runs.equals(table) and list(study.tables) == ["runs"]
    assert list(study.figures) == ["esd"] and study.report == tmp_path / "8_report" / "report.html"
    with pytest.raises(ws.UserError, match="no table 'claims'; those there are runs"):
        _ = study.claims


def test_the_examples_in_the_docstrings_are_true() -> None:
    found = doctest.testmod(results)
    assert found.attempted and not found.failed


@pytest.mark.parametrize("wrong", [None, 3, ["results"]])
def test_what_is_no_path_is_refused_in_a_sentence(wrong: object, tmp_path: Path) -> None:
    with pytest.raises(ws.UserError, match="results cannot be a"):
        ws.load_study(wrong)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ws.UserError, match="tables cannot be a"):
        ws.reanalyse(wrong, CONDITIONS)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ws.UserError, match="conditions cannot be a"):
        ws.reanalyse(tmp_path, wrong)  # pyright: ignore[reportArgumentType]
