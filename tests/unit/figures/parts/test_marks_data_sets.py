"""Diversity counts data sets, not runs: seeds that train on the same images share one measurement."""

import numpy as np
import pandas as pd
import pytest

from unit.figures import made_tables
from unit.metrics import simulated_studies as simulate
from weightscape.figures import diversity_by_dose, diversity_measures, diversity_spaces
from weightscape.figures.parts import dose_grid
from weightscape.metrics.analysis.contrasts import contrast
from weightscape.metrics.outcomes import each_once
from weightscape.report import explorer


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    """A study whose baselines are one data set each, copied to every seed."""
    made = made_tables.study(layers=2, families=("augment", "noise"))
    rows = made["diversity"]
    keys = ["dataset", "family", "dose", "space", "measure"]
    first = rows.groupby(keys)["value"].transform("first")
    value = rows["value"].mask(rows["dose"] == "baseline", first)
    made["diversity"] = rows.assign(value=value)
    return made | made_tables.intervals(made)


def test_seeds_with_equal_measures_are_one_data_set(tables):
    seen = tables["diversity"].query("measure == 'vendi_1' and space == 'pixels' and family in ('baseline', 'augment')")
    counts = each_once(tables["diversity"]).loc[lambda rows: rows.index.isin(seen.index)]
    assert counts.groupby("dose")["seed"].nunique().to_dict() == {"baseline": 1, "medium": 3, "strong": 3, "weak": 3}


def test_one_equal_measure_does_not_make_two_data_sets_one(tables):
    value = tables["diversity"]["value"].mask(tables["diversity"]["measure"] == "recall", 1.0)
    assert len(each_once(tables["diversity"].assign(value=value))) == len(each_once(tables["diversity"]))


@pytest.mark.parametrize("figure", [diversity_by_dose, diversity_measures, diversity_spaces])
def test_the_note_of_a_diversity_figure_counts_data_sets(tables, figure):
    block = figure.draw(tables).subfigs[0]
    words = block.get_supxlabel() or block.legends[0].get_title().get_text()
    assert "n = 1 to 3 data sets" in words and "1 data set, no interval" in words and "seeds of" not in words


def test_single_data_sets_are_said_to_have_no_interval():
    assert dose_grid.DATA_SETS.note(pd.Series([1, 1])).startswith("n = 1: 1 data set, no interval")
    assert "no interval" not in dose_grid.DATA_SETS.note(pd.Series([3, 3]))


def test_the_explorer_has_no_interval_of_one_data_set(tables):
    blocks = explorer.blocks(tables)
    at = [row[:2] for row in blocks["index"]["conditions"]].index(["baseline", "baseline"])
    values = blocks["outcomes-0"]["values"]["vendi-pixels"]
    assert (values["n"][at], values["half"][at]) == (1, None)
    assert len([row for row in values["runs"] if row[0] == at]) == 1
    assert blocks["outcomes-0"]["counted"] == {"vendi-pixels": "data set", "vendi-embedding": "data set"}


def test_a_value_that_no_seed_draws_is_counted_once_and_adds_no_variance():
    runs = simulate.runs_of(simulate.Truth(seeds=3))
    design = simulate.setup(simulate.Truth(seeds=3), np.random.default_rng(0), runs).design
    rng = np.random.default_rng(1)
    values = rng.normal(size=len(runs))
    dose = design.doses("augment")[-1]
    values[design.rows["baseline", "baseline"]] = 0.5
    once = design.of_family("augment").each_once(values)
    found = contrast(once, values, once.effect("augment", dose))
    own = values[design.rows["augment", dose]]
    assert found.runs == 4
    assert float(found.value) == pytest.approx(own.mean() - 0.5)
    assert float(found.error) >= own.std(ddof=1) / np.sqrt(3) * (1 - 1e-9)
    constant = np.zeros(len(runs))
    assert np.isnan(
        contrast(design.of_family("augment").each_once(constant), constant, design.effect("augment", dose)).p
    )
