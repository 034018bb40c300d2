"""Families that are measured against one condition of neutral runs: it counts once in every test."""

import numpy as np
import pandas as pd
import pytest

from unit.metrics import simulated_studies as simulate
from unit.metrics.planted import OPTIONS
from weightscape.families import POOL
from weightscape.metrics import effects
from weightscape.metrics.analysis import contrasts
from weightscape.metrics.analysis.claims import table as claims
from weightscape.metrics.analysis.design import Design, difference
from weightscape.metrics.analysis.setups import Setup, setups

FAMILIES = ("augment", "dropout", "weight_decay")
RUNS = 3


def published(**references: str) -> Design:
    """Three families with a baseline and a dose, three runs each; `references` name their baseline runs."""
    rows = [(f, dose, n) for f in FAMILIES for dose, n in (("baseline", 0.0), ("strong", 1.0)) for _ in range(RUNS)]
    runs = pd.DataFrame(rows, columns=["family", "dose", "number"])
    return Design.of(runs.assign(reference=runs["family"].map(lambda family: references.get(family, "bs"))))


def test_copies_of_one_set_of_baseline_runs_count_once() -> None:
    one, two = published(), published(weight_decay="other")
    assert [c for c in one.rows if c[1] == "baseline"] == [("augment", "baseline")]
    assert [c for c in two.rows if c[1] == "baseline"] == [("augment", "baseline"), ("weight_decay", "baseline")]
    assert {one.reference(family) for family in FAMILIES} == {("augment", "baseline")}
    assert two.reference("weight_decay") == ("weight_decay", "baseline")
    assert one.without([("augment", "strong")]).references == one.references


def test_a_family_is_measured_against_its_own_baseline_else_against_the_pool() -> None:
    rows = [(*POOL, 0.0), ("augment", "strong", 1.0), ("dropout", "baseline", 0.0), ("dropout", "strong", 1.0)]
    design = Design.of(pd.DataFrame(rows, columns=["family", "dose", "number"]))
    assert (design.reference("augment"), design.reference("dropout")) == (POOL, ("dropout", "baseline"))
    assert design.families == ["augment", "dropout"] and design.curve("augment") == [POOL, ("augment", "strong")]
    assert set(design.of_family("augment").rows) == {POOL, ("augment", "strong")}
    assert design.without([POOL]).reference("augment") is None and design.without([POOL]).strongest("augment") is None


@pytest.mark.parametrize("shared", [True, False])
def test_the_difference_of_two_effects_holds_a_shared_baseline_no_more(shared: bool) -> None:
    design = published() if shared else published(dropout="other")
    weights = difference(design.effect("augment", "strong"), design.effect("dropout", "strong"))
    values = np.random.default_rng(0).normal(size=2 * RUNS * len(FAMILIES))
    found = contrasts.contrast(design, values, weights)
    assert found.runs == (2 if shared else 4) * RUNS
    assert found.value == pytest.approx(sum(w * values[design.rows[c]].mean() for c, w in weights.items()))


def test_the_spread_between_runs_is_not_taken_from_copies() -> None:
    design = published()
    values = np.random.default_rng(0).normal(size=(2 * RUNS * len(FAMILIES), 4))
    kept = [at for c, at in design.rows.items() if c[1] == "strong" or c[0] == "augment"]
    expected = np.mean([values[at].var(axis=0, ddof=1) for at in kept], axis=0)
    assert contrasts.within(design, values)[0] == pytest.approx(expected)


def study(*names: str) -> Setup:
    """A fake study in the form of published tables: families with copies of the pool, or (those named) a third of it
    as runs of their own."""
    at = np.linspace(1, 5, 16)
    profiles = {"augment": 4 * at, "dropout": 4 * at, "weight_decay": 12 * (np.cos(np.arange(16)) - 1)}
    profiles |= {
        "duplicate": -4 * at,
        "label_noise": 12 * np.sin(1.7 * np.arange(16)),
        "steps": 9 * np.cos(np.arange(16)),
    }
    truth = simulate.Truth(seeds=5, profiles=profiles)
    made = simulate.tables(truth, np.random.default_rng(0))
    table = made["effects"].assign(usable=True)
    pool = table[table["family"] == "baseline"]
    copies = [pool[pool["seed"] % 3 == names.index(name)] if name in names else pool for name in truth.families]
    copies = [rows.assign(family=name) for name, rows in zip(truth.families, copies, strict=True)]
    table = pd.concat([table[table["family"] != "baseline"], *copies])
    table["reference"] = table["family"].where(table["family"].isin(names), "bs")
    return next(setups({**made, "effects": effects.against_baseline(table)}, OPTIONS.metrics))


def test_published_families_with_one_baseline_are_compared_as_those_of_a_study_are() -> None:
    rows = {row.claim: row for row in claims.of_setup(study(), OPTIONS, ("C1", "C2", "C3", "C5"))[0]}
    truth = simulate.Truth(seeds=5)
    assert rows["C3"].n == 20 and rows["C3"].estimate < 0 and truth.pool == 0
    assert "random halves of 15 baseline runs" in rows["C3"].controls
    own = {row.claim: row for row in claims.of_setup(study("dropout"), OPTIONS, ("C3",))[0]}
    assert own["C3"].estimate == pytest.approx(rows["C3"].estimate)
