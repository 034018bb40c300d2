import numpy as np
import pandas as pd
import pytest

from weightscape.metrics import effects


def layers(shift: dict[tuple[str, str], float]) -> pd.DataFrame:
    """Two families with a baseline and one dose, two seeds, three layers; `shift` moves `after` of a condition."""
    rows = []
    for family in ("augment", "dropout"):
        for dose, number in (("baseline", 0.0), ("a", 1.0)):
            for seed in (0, 1):
                for layer, role in (("x", "hidden"), ("y", "hidden"), ("h", "head")):
                    key = {"dataset": "d", "backbone": "b", "family": family, "dose": dose, "number": number}
                    base = {
                        **key,
                        "seed": seed,
                        "layer": layer,
                        "part": "weight",
                        "role": role,
                        "kind": "linear",
                    }
                    moved = 1 + 0.1 * seed + shift.get((family, dose), 0.0)
                    for matrix, value in (("before", 1.0), ("after", 1 + moved), ("delta", moved)):
                        rows.append({**base, "matrix": matrix, "status": "ok", "log_norm": value})
    return pd.DataFrame(rows)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    changed = effects.changes(table, ["log_norm"])
    runs = effects.per_run(effects.against_baseline(changed))
    return runs[(runs["source"] == "change") & (runs["role"] == "hidden")]


def of(runs: pd.DataFrame, family: str, dose: str) -> pd.DataFrame:
    return runs[(runs["family"] == family) & (runs["dose"] == dose)].sort_values("seed")


def test_an_effect_is_measured_against_the_familys_own_baselines() -> None:
    runs = summary(layers({("dropout", "a"): 0.5, ("augment", "baseline"): 7.0}))
    assert of(runs, "dropout", "a")["effect_mean"].to_list() == pytest.approx([0.45, 0.55])
    assert of(runs, "augment", "a")["effect_mean"].to_list() == pytest.approx([-7.05, -6.95])
    assert of(runs, "augment", "baseline")["effect_mean"].sum() == pytest.approx(0)
    assert (runs["layers"] == 2).all()


def test_all_families_are_measured_against_the_pool_and_share_its_spread() -> None:
    table = layers({("dropout", "a"): 0.5})
    pool = table[(table["family"] == "augment") & (table["dose"] == "baseline")].assign(family="baseline")
    table = pd.concat([pool, table[table["dose"] != "baseline"]])
    runs = summary(table)
    assert of(runs, "dropout", "a")["effect_mean"].to_list() == pytest.approx([0.45, 0.55])
    assert of(runs, "augment", "a")["effect_mean"].to_list() == pytest.approx([-0.05, 0.05])
    spread = np.sqrt(3 * 0.1**2 / 2 / 3)  # three conditions of two runs that differ by .1
    expected = float(effects.hedges(3)) * of(runs, "dropout", "a")["effect_mean"] / spread
    assert of(runs, "dropout", "a")["standardised_mean"].to_list() == pytest.approx(expected.to_list())


def test_opposite_layers_cancel_in_the_mean_and_not_in_the_root_mean_square() -> None:
    table = layers({})
    x = (table["layer"] == "x") & (table["dose"] == "a") & (table["matrix"] == "after")
    y = (table["layer"] == "y") & (table["dose"] == "a") & (table["matrix"] == "after")
    table.loc[x, "log_norm"] += 1
    table.loc[y, "log_norm"] -= 1
    run = of(summary(table), "dropout", "a").iloc[0]
    assert run["effect_mean"] == pytest.approx(-0.05)
    assert run["effect_rms"] == pytest.approx(np.sqrt(((1 - 0.05) ** 2 + (-1 - 0.05) ** 2) / 2))


def test_rows_without_a_value_are_left_out_and_counted() -> None:
    table = layers({})
    table.loc[(table["layer"] == "x") & (table["seed"] == 0), "log_norm"] = np.nan
    table.loc[(table["layer"] == "x") & (table["seed"] == 1), "status"] = "all zeros"
    assert (summary(table)["layers"] == 1).all()


def test_a_family_without_baseline_has_no_effect() -> None:
    table = layers({})
    table = table[(table["family"] != "dropout") | (table["dose"] != "baseline")]
    assert of(summary(table), "dropout", "a")["effect_mean"].isna().all()


def test_runs_that_are_equal_to_rounding_have_no_standardised_effect() -> None:
    table = layers({})
    more = table[table["seed"] == 1].assign(seed=2)
    changed = effects.changes(pd.concat([table, more], ignore_index=True), ["log_norm"]).assign(value=0.7)
    found = effects.against_baseline(changed)
    assert found["standardised"].isna().all()
