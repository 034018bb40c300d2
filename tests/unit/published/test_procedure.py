"""The published procedure against slow loops, on tables of other networks, names and gaps."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest

import unit.published.made_folders as made
from weightscape.published import analysis, conditions
from weightscape.published.analysis import Results
from weightscape.published.procedure import ALL

pytestmark = pytest.mark.slow  # whole studies are analysed

NAN = float("nan")
NAMINGS: dict[str, tuple[str, str, Callable[[str, str, str], str]]] = {
    "folders, packed": (
        "{dataset}/{condition}.after.csv",
        "{dataset}/{condition}.before.csv",
        lambda dataset, condition, role: f"{dataset}/{condition}.{role}.csv.gz",
    ),
    "prefix": (
        "ft_{condition}.csv",
        "{condition}.csv",
        lambda _, condition, role: f"{'ft_' if role == 'after' else ''}{condition}.csv",
    ),
    "suffix": (
        "{condition}_{suffix}_ft.csv",
        "{condition}_{suffix}.csv",
        lambda _, condition, role: f"{condition}_rn_50{'_ft' if role == 'after' else ''}.csv",
    ),
    "data set in the name": (
        "{condition}_{dataset}_ft.csv.gz",
        "{condition}_{dataset}.csv.gz",
        lambda dataset, condition, role: f"{condition}_{dataset}{'_ft' if role == 'after' else ''}.csv",
    ),
}
SEVERAL = {"cats": [1, 4, 6, 9, 11], "dogs": [1, 4, 6, 9, 30], "cars": [1, 4, 6, 7, 9, 12, 15]}


def analysed(folder: Path, tables: made.Tables, naming: str = "folders, packed", **content: object) -> Results:
    after, before, name = NAMINGS[naming]
    made.write(folder, tables, name)
    return analysis.analyse(folder, conditions.parse(made.content(after, before, **content)), made.OPTIONS)[0]


def check(results: Results, tables: made.Tables, dataset: str = ALL) -> None:
    """Every statistic of the slow loops is met, and p agrees with t."""
    table = results.published[results.published["dataset"] == dataset]
    found = {}
    for row in table.to_dict("records"):
        names = [row["statistic"], *(name for name in (row["family"], row["other"]) if isinstance(name, str))]
        found[row["scope"], row["metric"], "_".join(names)] = row["value"]
    slow = made.expected(tables)
    assert len(slow) == 2 * 4 * 11
    for key, value in slow.items():
        assert found[key] == pytest.approx(value, rel=1e-9, abs=1e-12), key


@pytest.mark.parametrize("naming", NAMINGS)
def test_one_data_set_under_any_naming(tmp_path: Path, naming: str) -> None:
    tables = made.tables({"cats": [2, 3, 5, 8]})
    check(analysed(tmp_path, tables, naming), tables)


@pytest.mark.parametrize("naming", ["folders, packed", "data set in the name"])
def test_several_data_sets_with_other_layer_counts_and_heads(tmp_path: Path, naming: str) -> None:
    tables = made.tables(SEVERAL)
    check(analysed(tmp_path, tables, naming), tables)


def test_a_data_set_alone_has_the_numbers_that_it_has_without_the_others(tmp_path: Path) -> None:
    tables = made.tables(SEVERAL)
    check(analysed(tmp_path, tables), {key: rows for key, rows in tables.items() if key[0] == "cars"}, "cars")


def test_missing_values_count_as_zero_and_failed_fits_as_numbers(tmp_path: Path) -> None:
    tables = made.tables(SEVERAL)
    tables["cats", "m1", "after"][4]["alpha"] = NAN
    tables["dogs", "plain", "before"][6]["entropy"] = NAN
    tables["cars", "d.1", "after"][7]["alpha"] = -1.0
    results = analysed(tmp_path, tables)
    check(results, tables)
    counts = results.exclusions[results.exclusions["method"] == "published"].set_index("reason")["n"]
    assert counts["missing value: counted as 0"].sum() == 2
    assert counts["failed fit (alpha = -1): kept as a number"].sum() == 1


def test_layers_that_are_frozen_or_missing_in_some_runs(tmp_path: Path) -> None:
    tables = made.tables(SEVERAL)
    for dataset, condition, layer in (
        ("cats", "m1", 1),
        ("cats", "d.1", 9),
        ("dogs", "plain", 4),
        ("cars", "w1e-4", 7),
    ):
        tables[dataset, condition, "after"][layer] = dict(tables[dataset, condition, "before"][layer])
    for role in ("before", "after"):
        del tables["cars", "m2", role][12]
    del tables["dogs", "d.5", "after"][9]
    results = analysed(tmp_path, tables)
    check(results, tables)
    counts = results.exclusions.groupby(["method", "reason"])["n"].sum()
    for method in ("published", "ours"):
        assert counts[method, "layer frozen (no metric changed): left out"] == 4
        assert counts[method, "layer in one of the two tables only: left out"] == 1
        assert counts[method, "layer without a change in the baseline: left out"] == 6


def test_infinity_stays_and_makes_what_it_enters_undefined(tmp_path: Path) -> None:
    tables = made.tables({"cats": [1, 2, 3, 4]})
    tables["cats", "m1", "after"][2]["alpha"] = math.inf
    table = analysed(tmp_path, tables).published.set_index(["scope", "metric", "family", "other", "statistic"])["value"]
    chosen = table[table.index.get_level_values("scope") == "all_layers"].reset_index()
    alpha = chosen[(chosen["metric"] == "alpha")].drop_duplicates(["family", "other", "statistic"])
    assert math.isinf(alpha.loc[(alpha["family"] == "mix") & (alpha["statistic"] == "mean"), "value"].iloc[0])
    assert alpha.loc[alpha["statistic"] == "anova_F", "value"].isna().all()
    assert alpha.loc[(alpha["family"] == "drop") & (alpha["statistic"] == "t"), "value"].notna().all()
    assert chosen.loc[chosen["metric"] != "alpha", "value"].notna().all()


def test_the_head_is_the_largest_layer_that_was_trained_or_the_one_that_is_named(tmp_path: Path) -> None:
    tables = made.tables({"cats": [1, 2, 3, 4, 50]})
    for key, rows in tables.items():
        rows[50] = dict(tables["cats", "plain", "before"][50]) if key[2] == "after" else rows[50]
    layers = analysed(tmp_path, tables).published_layers
    assert set(layers.loc[layers["role"] == "head", "layer_id"]) == {4}
    named = analysed(tmp_path, tables, head="block.2").published_layers
    assert set(named.loc[named["role"] == "head", "layer_id"]) == {2}


def test_the_order_of_rows_and_a_common_shift_of_all_conditions_change_nothing(tmp_path: Path) -> None:
    tables = made.tables(SEVERAL)
    shuffled = {key: dict(reversed(rows.items())) for key, rows in tables.items()}
    for (_, _, role), rows in shuffled.items():
        for values in rows.values():
            values["log_norm"] += 0.5 if role == "after" else 0.0
    one, two = (
        analysed(tmp_path / name, made_tables).published for name, made_tables in (("a", tables), ("b", shuffled))
    )
    assert one["value"].to_numpy() == pytest.approx(two["value"].to_numpy(), rel=1e-6, abs=1e-9, nan_ok=True)


def test_each_family_may_have_a_baseline_of_its_own(tmp_path: Path) -> None:
    tables = made.tables({"cats": [1, 2, 3, 4]})
    for role in ("before", "after"):
        tables["cats", "other", role] = tables["cats", "d.5", role]
    own = {"mix": "plain", "drop": "plain", "decay": "other"}
    results = analysed(tmp_path, tables, baseline=own)
    layers = results.published_layers.query("family == 'decay' and metric == 'entropy' and dataset == 'cats'")
    values = {
        layer: tables["cats", "w1e-4", "after"][layer]["entropy"]
        - tables["cats", "w1e-4", "before"][layer]["entropy"]
        - tables["cats", "d.5", "after"][layer]["entropy"]
        + tables["cats", "d.5", "before"][layer]["entropy"]
        for layer in (1, 2, 3, 4)
    }
    assert dict(zip(layers["layer_id"], layers["effect"], strict=True)) == pytest.approx(values)
