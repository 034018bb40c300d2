"""The explorer's doses: their order, the strongest one, and the baseline that is its own reference."""

import made_tables
import pytest

from weightscape.page import explorer

FAMILIES = ("augment", "steps")


@pytest.fixture(scope="module")
def blocks() -> dict:
    return explorer.blocks(made_tables.study(layers=2, families=FAMILIES))


def test_the_baseline_stands_among_the_doses_by_its_number(blocks):
    steps = [row[1:] for row in blocks["index"]["conditions"] if row[0] == "steps"]
    assert steps == [["fewer", 0.5], ["baseline", 1.0], ["more", 1.5]]
    families = blocks["index"]["families"]
    assert [families[name]["strongest"] for name in FAMILIES] == ["strong", "more"]


def test_the_effect_of_a_baseline_is_exactly_zero(blocks):
    places = [at for at, row in enumerate(blocks["index"]["conditions"]) if row[1] == "baseline"]
    block = blocks["effects-0-log_norm-change"]
    assert all(value == 0 for at in places for value in block["mean"][at])
    assert [block["roles"]["hidden"]["mean"][at] for at in places] == [0, 0]
