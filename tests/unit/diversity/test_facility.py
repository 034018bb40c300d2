"""Choices by facility location: bounds that hold at every step, however the steps to come are foreseen."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from weightscape.diversity import facility
from weightscape.diversity.choice import TIE, Pool, choose
from weightscape.diversity.facility import FacilityLocation
from weightscape.diversity.rows import unit_rows

COUNT, COLUMNS = 150, 20


def clusters(rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((COUNT, COLUMNS)) + 2 * rng.standard_normal((8, COLUMNS))[rng.integers(0, 8, COUNT)]


def no_clusters(rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((COUNT, COLUMNS))


def in_opposite_pairs(rng: np.random.Generator) -> np.ndarray:
    half = rng.standard_normal((COUNT // 2, 3))
    return np.concatenate([half, -half])


def copies_and_blank_rows(rng: np.random.Generator) -> np.ndarray:
    rows = rng.standard_normal((7, COLUMNS))[rng.integers(0, 7, COUNT)] * rng.uniform(0.5, 2, (COUNT, 1))
    rows[rng.random(COUNT) < 0.1] = 0
    return rows


def near_copies(rng: np.random.Generator) -> np.ndarray:
    """Gains that differ less than float32 tells."""
    rows = rng.standard_normal((10, COLUMNS))[rng.integers(0, 10, COUNT)]
    return rows + 1e-6 * rng.standard_normal(rows.shape)


KINDS = [clusters, no_clusters, in_opposite_pairs, copies_and_blank_rows, near_copies]
SMALL = {"BLOCK": 16, "PAIRS": 900, "SAMPLE": 40, "AHEAD": 4, "PIECE": 7}
BLIND = {"BLOCK": 16, "PAIRS": 900, "SAMPLE": 10, "AHEAD": 1}  # most choices are foreseen wrongly
CROWDED = {"BLOCK": 16, "PAIRS": 1500, "FORESEEN": 1}  # too many cosines to be kept
SETTINGS = [{}, SMALL, BLIND, CROWDED]


def rises(rows: np.ndarray, given: np.ndarray, chosen: list[int]) -> np.ndarray:
    """The gain of each candidate by its definition."""
    units = unit_rows(rows)
    there = np.concatenate([unit_rows(given), units[chosen]])
    covered = (units @ there.T).max(axis=1, initial=-1.0)
    return np.maximum(0, units @ units.T - covered).sum(axis=1)


def literal(rows: np.ndarray, budget: int) -> list[int]:
    chosen: list[int] = []
    for _ in range(budget):
        gains = rises(rows, rows[:0], chosen)
        gains[chosen] = -np.inf
        chosen.append(int(np.flatnonzero(gains >= gains.max() - TIE)[0]))
    return chosen


def set_all(monkeypatch: pytest.MonkeyPatch, settings: dict[str, int]) -> None:
    for name, value in settings.items():
        monkeypatch.setattr(facility, name, value)


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_all_candidates_are_taken_in_the_order_of_the_literal_greedy(
    kind: Callable[[np.random.Generator], np.ndarray], settings: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, settings)
    rows = kind(np.random.default_rng(0))
    one_class = Pool(rows, None, np.zeros(COUNT, int), np.array([COUNT]))
    assert choose("facility_location", one_class, COUNT).rows.tolist() == literal(rows, COUNT)


def steps(
    rows: np.ndarray, given: np.ndarray, rng: np.random.Generator
) -> Iterator[tuple[FacilityLocation, list[int]]]:
    """An objective after each of the choices by it; every third is drawn, which nothing foresees."""
    objective, chosen = FacilityLocation(unit_rows(rows), unit_rows(given)), []
    for step in range(40):
        yield objective, chosen
        free = np.flatnonzero(objective.bounds > -np.inf)
        row = int(rng.choice(free)) if step % 3 == 2 else int(free[objective.scores(free).argmax()])
        objective.add(row)
        chosen.append(row)


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("given", [0, 5])
def test_no_bound_lies_below_a_gain_and_a_score_is_the_gain(
    kind: Callable[[np.random.Generator], np.ndarray],
    settings: dict[str, int],
    given: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_all(monkeypatch, settings)
    rng = np.random.default_rng(1)
    rows = kind(rng)
    there = rng.standard_normal((given, rows.shape[1]))
    for objective, chosen in steps(rows, there, rng):
        gains, free = rises(rows, there, chosen), objective.bounds > -np.inf
        assert (objective.bounds[free] >= gains[free] - TIE).all()
        few = rng.permutation(np.flatnonzero(free))[:5]
        np.testing.assert_allclose(objective.scores(few), gains[few], rtol=1e-9, atol=1e-11)


def test_what_is_foreseen_wrongly_is_corrected_and_compared_again(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, BLIND)
    corrected: list[bool] = []
    compared: list[None] = []
    correct, compare = FacilityLocation._correct, FacilityLocation._compare_all
    monkeypatch.setattr(FacilityLocation, "_correct", lambda *most: corrected.append(correct(*most)) or corrected[-1])
    monkeypatch.setattr(FacilityLocation, "_compare_all", lambda self: compared.append(compare(self)))
    choose("facility_location", Pool(no_clusters(np.random.default_rng(2))), 60)
    assert any(corrected) and len(compared) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_no_more_cosines_are_kept_than_there_is_room_for(
    kind: Callable[[np.random.Generator], np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, CROWDED)
    rng = np.random.default_rng(3)
    rows = kind(rng)
    for objective, _ in steps(rows, rows[:0], rng):
        assert sum(len(places) for places, _ in objective.kept.values()) <= 3 * facility.PAIRS


def test_cosines_that_were_too_many_are_kept_once_they_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, CROWDED)
    units = unit_rows(no_clusters(np.random.default_rng(4)))
    objective = FacilityLocation(units, units[:0])
    for row in range(30):
        objective.add(row)
    objective.scores(np.arange(30, COUNT))
    nearer = (units @ units[30:].T > objective.covered[:, None]).sum(axis=0)
    assert set(30 + np.flatnonzero(nearer <= facility.PAIRS // COUNT)) <= set(objective.kept)


def test_copies_of_what_is_there_hold_no_cosines() -> None:
    units = unit_rows(copies_and_blank_rows(np.random.default_rng(5)))
    assert not any(len(places) for places, _ in FacilityLocation(units, units[:30]).kept.values())
