"""Our analysis of published tables: what it leaves out, its effects, and the similarity of groups."""

import math
from pathlib import Path

import numpy as np
import pytest

import unit.published.made_folders as made
from weightscape.published import analysis, conditions
from weightscape.published.analysis import Results

pytestmark = pytest.mark.slow  # whole studies are analysed

PATTERNS = ("{dataset}/{condition}.{seed}.after.csv", "{dataset}/{condition}.{seed}.before.csv")
GROUPS = {"augment": ["m1", "m2", "m3"], "dropout": ["d.1", "d.5"], "weight_decay": ["w1e-4"]}
IDS = [1, 2, 3, 4, 5, 6]
NAN = float("nan")


def analysed(folder: Path, *seeds: made.Tables, **further: object) -> Results:
    for number, tables in enumerate(seeds):
        made.write(folder, tables, lambda d, c, role, n=number: f"{d}/{c}.{n}.{role}.csv", **further)
    return analysis.analyse(folder, conditions.parse(made.content(*PATTERNS, groups=GROUPS)), made.OPTIONS)[0]


def effect(tables: made.Tables, condition: str, layer: int, metric: str) -> float:
    change = [
        tables["cats", name, "after"][layer][metric] - tables["cats", name, "before"][layer][metric]
        for name in (condition, "plain")
    ]
    return change[0] - change[1]


def test_effects_are_changes_minus_the_change_of_the_baseline(tmp_path: Path) -> None:
    tables = made.tables({"cats": IDS})
    table = analysed(tmp_path, tables).effects.set_index(["dose", "layer_id", "metric"]).sort_index()
    assert len(table) == (6 + 3) * 6 * 4  # the baseline stands once in each group
    for condition in ("m1", "d.5", "w1e-4"):
        assert table.loc[(condition, 3, "entropy"), "effect"] == pytest.approx(effect(tables, condition, 3, "entropy"))
    assert (table.loc["baseline", "effect"] == 0).all()
    assert set(table.xs(6, level="layer_id")["role"]) == {"head"}


def test_similarity_is_the_cosine_of_mean_effects_over_hidden_layers(tmp_path: Path) -> None:
    tables = made.tables({"cats": IDS})
    rows = analysed(tmp_path, tables).similarity.query("metric == 'log_norm'").set_index("other")
    profile = {
        group: np.array([np.mean([effect(tables, name, k, "log_norm") for name in names]) for k in IDS[:-1]])
        for group, names in GROUPS.items()
    }
    one, two, three = profile.values()
    cosines = [float(one @ x / math.sqrt((one @ one) * (x @ x))) for x in (two, three)]
    assert rows.loc["dropout", "value"] == pytest.approx(cosines[0])
    assert rows.loc["dropout - weight_decay", "value"] == pytest.approx(cosines[0] - cosines[1])
    assert rows.loc["dropout", "norm"] == pytest.approx(np.linalg.norm(one))
    assert rows.loc["dropout", "distance"] == pytest.approx(np.linalg.norm(one - two))
    assert set(rows["n"]) == {5}


def test_what_is_no_measurement_is_left_out_and_counted(tmp_path: Path) -> None:
    tables = made.tables({"cats": IDS})
    after = {name: tables["cats", name, "after"] for name in ("m1", "m2", "d.1", "w1e-4")}
    after["m1"][2]["alpha"] = -1.0
    after["m2"][2]["log_norm"] = -math.inf
    after["d.1"][3]["entropy"] = NAN
    after["w1e-4"][4] = dict(tables["cats", "w1e-4", "before"][4])
    results = analysed(tmp_path, tables)
    have = set(zip(*(results.effects[name] for name in ("dose", "layer_id", "metric")), strict=True))
    left_out = {("m1", 2, "alpha"), ("m2", 2, "log_norm"), ("d.1", 3, "entropy")}
    left_out |= {("w1e-4", 4, metric) for metric in made.METRICS}
    assert not have & left_out and len(have) == (6 + 1) * 6 * 4 - len(left_out)
    counts = results.exclusions.query("method == 'ours'").set_index("reason")["n"].to_dict()
    assert counts == {
        "failed fit (alpha not above 0): left out": 1,
        "infinite value: left out": 1,
        "missing value: left out": 1,
        "layer frozen (no metric changed): left out": 1,
    }


def test_an_exponent_of_few_eigenvalues_is_not_used(tmp_path: Path) -> None:
    columns = {
        "num_evals": lambda layer: 40 if layer == 2 else 500,
        "num_pl_spikes": lambda layer: 9 if layer == 3 else 90,
    }
    results = analysed(tmp_path, made.tables({"cats": IDS}), **columns)
    layers = results.effects.groupby("metric")["layer_id"].unique().map(set)
    assert layers["alpha"] == {1, 4, 5, 6} and layers["entropy"] == set(IDS)


def test_repeated_runs_are_tested_as_those_of_a_study_are_and_single_ones_are_not(tmp_path: Path) -> None:
    single = analysed(tmp_path / "one", made.tables({"cats": IDS}, 1))
    assert not len(single.claims) and not len(single.condition_effects)
    results = analysed(tmp_path / "three", *(made.tables({"cats": IDS}, seed) for seed in (1, 2, 3)))
    found = results.condition_effects.query("scope == 'hidden'")
    assert found["low"].notna().any() and (found["n"] == 6).all()
    row = found.query("metric == 'log_norm'").iloc[0]
    runs = results.run_effects.query("role == 'hidden' and metric == 'log_norm'")
    own = runs[(runs["family"] == row["family"]) & (runs["dose"] == row["dose"])]
    assert row["estimate"] == pytest.approx(own["effect_mean"].mean())
    assert set(results.claims["claim"]) >= {"C1", "C2", "C3"} and len(results.tests)
    told = results.claims.set_index("claim").loc[["C1", "C2", "C3", "C5"], "controls"]
    assert told.str.contains("A/A: missing: halves need 4 baseline runs, and there are 3").all()


def test_what_the_tests_of_repeated_runs_leave_out_is_counted_and_told(tmp_path: Path) -> None:
    seeds = [made.tables({"cats": IDS}, seed) for seed in (1, 2, 3)]
    seeds[0]["cats", "d.1", "after"][2]["entropy"] = NAN
    for layer in IDS[:4]:
        seeds[2]["cats", "m2", "after"][layer]["log_norm"] = math.inf
    results = analysed(tmp_path, *seeds)
    rows = results.exclusions[results.exclusions["reason"].str.endswith("left out of the tests of all")]
    assert rows[["metric", "n"]].to_numpy().tolist() == [["entropy", 1]]
    (gap,) = results.gaps["sentence"]
    assert gap.startswith(
        "cats: in the run augment/m2/2 log_norm is usable in 1 of the 5 usual layers: left out of all"
    )


def test_a_group_without_doses_is_told_as_a_gap(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        made.write(tmp_path, made.tables({"cats": IDS}, number), lambda d, c, r, n=number: f"{d}/{c}.{n}.{r}.csv")
    families = made.FAMILIES | {"mix": dict.fromkeys(made.FAMILIES["mix"])}
    content = made.content(*PATTERNS, groups=GROUPS) | {"families": families}
    results = analysis.analyse(tmp_path, conditions.parse(content), made.OPTIONS)[0]
    (gap,) = results.gaps["sentence"]
    assert gap.startswith("cats: the doses of augment have no numbers, so that its strongest one is not known")
    assert "the doses of augment have no numbers." in set(results.claims["reason"])


def test_layers_are_matched_by_their_id_whatever_their_names(tmp_path: Path) -> None:
    tables = made.tables({"cats": IDS})
    made.write(tmp_path, tables, lambda d, c, role: f"{d}/{c}.0.{role}.csv")
    for path in (tmp_path / "cats").glob("m1.*"):
        path.write_text(path.read_text().replace("block.", "module.block."))
    for path in (tmp_path / "cats").iterdir():
        path.write_text(path.read_text().replace("block.2", "block.1"))
    results = analysis.analyse(tmp_path, conditions.parse(made.content(*PATTERNS, groups=GROUPS)), made.OPTIONS)[0]
    table = results.effects.set_index(["dose", "layer_id", "metric"]).sort_index()
    for condition, layer in (("m1", 1), ("m1", 2), ("d.5", 2), ("w1e-4", 6)):
        found = table.loc[(condition, layer, "alpha"), "effect"]
        assert found == pytest.approx(effect(tables, condition, layer, "alpha"))
    names = dict(zip(results.effects["layer_id"], results.effects["layer"], strict=True))
    assert names == {1: "block.1 (layer 1)", 2: "block.1 (layer 2)"} | {layer: f"block.{layer}" for layer in IDS[2:]}
    assert len(results.effects) == (6 + 3) * 6 * 4 and results.exclusions.empty


def test_a_layer_whose_baseline_has_no_usable_value_is_counted(tmp_path: Path) -> None:
    tables = made.tables({"cats": IDS})
    tables["cats", "plain", "after"][2]["alpha"] = -1.0
    results = analysed(tmp_path, tables)
    counts = results.exclusions.query("method == 'ours'")
    assert counts.groupby("reason")["n"].sum().to_dict() == {
        "failed fit (alpha not above 0): left out": 1,
        "layer whose baseline has no usable value: left out": 6,
    }
    assert set(counts["metric"]) == {"alpha"} and len(results.effects) == (6 + 3) * 6 * 4 - 9


@pytest.mark.parametrize(
    ("lost", "words", "verdict"),
    [
        ((1, 2), "one run of the baseline plain (augment), where a test needs two", "undecided: no replicates"),
        ((2,), "two runs of the baseline plain (augment), where the interval of claim C2", "undecided: estimates only"),
    ],
)
def test_a_baseline_of_few_runs_is_a_gap(tmp_path: Path, lost: tuple[int, ...], words: str, verdict: str) -> None:
    seeds = [made.tables({"cats": IDS}, seed) for seed in (1, 2, 3)]
    for number in lost:
        for role in ("before", "after"):
            del seeds[number]["cats", "plain", role]
    results = analysed(tmp_path, *seeds)
    assert len(results.gaps) == 3 and results.gaps["sentence"].iloc[0].startswith(f"cats: {words}")
    assert set(results.similarity["verdict"]) == {verdict}


def test_seeds_are_runs_and_the_reference_is_the_mean_of_the_baselines(tmp_path: Path) -> None:
    seeds = [made.tables({"cats": IDS}, seed) for seed in (1, 2)]
    results = analysed(tmp_path, *seeds)
    table = results.effects.set_index(["dose", "layer_id", "metric", "seed"]).sort_index()
    change = [t["cats", "m1", "after"][2]["alpha"] - t["cats", "m1", "before"][2]["alpha"] for t in seeds]
    base = [t["cats", "plain", "after"][2]["alpha"] - t["cats", "plain", "before"][2]["alpha"] for t in seeds]
    found = table.loc[("m1", 2, "alpha")]["effect"]
    assert list(found) == pytest.approx([c - sum(base) / 2 for c in change])
    assert set(results.similarity["verdict"]) == {"undecided: estimates only"}
    gaps = list(results.gaps["sentence"])
    assert len(gaps) == 3 and gaps[1] == (
        "cats: two runs of d.1, d.5, the baseline plain (dropout), where the interval of claim C2 needs three of each "
        "condition"
    )


def test_groups_with_equal_effects_are_alike_and_opposite_ones_are_not(tmp_path: Path) -> None:
    tables = made.tables({"cats": IDS})
    plain = {role: tables["cats", "plain", role] for role in ("before", "after")}
    for layer, metric in ((layer, metric) for layer in IDS for metric in made.METRICS):
        step = plain["after"][layer][metric] - plain["before"][layer][metric]
        for sign, names in ((1, GROUPS["augment"] + GROUPS["dropout"]), (-1, GROUPS["weight_decay"])):
            for name in names:
                start = tables["cats", name, "before"][layer][metric]
                tables["cats", name, "after"][layer][metric] = start + step + sign * 0.01 * layer
    rows = analysed(tmp_path, tables).similarity
    contrast = rows[rows["statistic"] == "contrast"]["value"]
    assert list(contrast) == pytest.approx([2.0] * 4)
    assert (rows[rows["other"] == "dropout"]["distance"] < 1e-9).all()
