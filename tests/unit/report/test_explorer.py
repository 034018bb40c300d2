"""The explorer's doses: their order, the strongest one, and the baseline that is its own reference."""

import pytest

from unit.figures import made_tables
from weightscape.report import explorer, summary

pytestmark = pytest.mark.slow

FAMILIES = ("augment", "steps")


@pytest.fixture(scope="module")
def blocks() -> dict:
    return explorer.blocks(made_tables.study(layers=2, families=FAMILIES))


def test_the_baseline_is_one_condition_with_a_number_in_every_family(blocks):
    conditions, families = blocks["index"]["conditions"], blocks["index"]["families"]
    assert conditions[0] == ["baseline", "baseline", 0.0] and list(families) == list(FAMILIES)
    assert [row[1:] for row in conditions if row[0] == "steps"] == [["fewer", 0.5], ["more", 1.5]]
    assert [families[name]["neutral"] for name in FAMILIES] == [0.0, 1.0]
    assert [families[name]["strongest"] for name in FAMILIES] == ["strong", "more"]


def test_the_effect_of_a_baseline_is_exactly_zero(blocks):
    places = [at for at, row in enumerate(blocks["index"]["conditions"]) if row[1] == "baseline"]
    block = blocks["effects-0-log_norm-change"]
    assert all(value == 0 for at in places for value in block["mean"][at])
    assert [block["roles"]["hidden"]["mean"][at] for at in places] == [0]


def test_a_condition_without_a_finished_run_is_shown_and_named():
    tables = made_tables.study(layers=2, families=FAMILIES)
    for name, table in tables.items():
        if name not in ("diversity", "samples") and {"family", "dose"} <= set(table):
            gone = (table["family"] == "augment") & (table["dose"] == "strong")
            tables[name] = table[~gone | (table["outcome"].str.startswith("vendi") if "outcome" in table else False)]
    found = explorer.blocks(tables)
    at = [row[:2] for row in found["index"]["conditions"]].index(["augment", "strong"])
    values = found["outcomes-0"]["values"]
    assert values["test"]["mean"][at] is None and values["vendi-pixels"]["mean"][at] is not None
    assert any("no run is finished of augment strong" in sentence for sentence in summary.sentences(tables))
    assert not any("no run is finished" in one for one in summary.sentences(made_tables.study(layers=2)))


def test_no_interval_of_a_share_leaves_it(blocks):
    values = blocks["outcomes-0"]["values"]
    assert values["test"]["limits"] == [0, 100] and "limits" not in values["vendi-pixels"]


def test_a_study_of_baseline_runs_alone_has_no_explorer():
    tables = made_tables.study(layers=2, families=FAMILIES)
    alone = {
        name: table[table["family"] == "baseline"] if "family" in table else table for name, table in tables.items()
    }
    assert explorer.blocks(alone) == {}
