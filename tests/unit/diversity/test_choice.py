"""Greedy choices, against literal ones that compute every gain of every step anew."""

import functools
from collections.abc import Callable

import numpy as np
import pytest

from weightscape.diversity import entropy, least, vendi
from weightscape.diversity.choice import LEAST, METHODS, OBJECTIVES, TIE, Pool, choose
from weightscape.diversity.objectives import RIDGE
from weightscape.diversity.rows import unit_rows

PROBLEMS = 500


def log_det(there: np.ndarray, _: np.ndarray) -> float:
    kernel = unit_rows(there) @ unit_rows(there).T if len(there) else np.empty((0, 0))
    return float(np.linalg.slogdet(np.eye(len(there)) + kernel / RIDGE)[1])


def least_diverse(there: np.ndarray, candidates: np.ndarray) -> float:
    return -log_det(there, candidates)


def vendi_score(there: np.ndarray, _: np.ndarray) -> float:
    return vendi.scores(there, [1.0])["1"] if len(there) else 0.0


def facility_location(there: np.ndarray, candidates: np.ndarray) -> float:
    if not len(there):
        return -float(len(candidates))
    return float((unit_rows(candidates) @ unit_rows(there).T).max(axis=1).sum())


VALUES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "log_det": log_det,
    "least_diverse": least_diverse,
    "vendi": vendi_score,
    "facility_location": facility_location,
}


def gain(method: str, pool: Pool, there: np.ndarray, row: int) -> float:
    candidates = pool.candidates
    with_row = np.concatenate([there, candidates[row : row + 1]])
    if method == "k_centre":
        cosines = unit_rows(with_row) @ unit_rows(with_row)[-1]
        return float(1 - cosines[:-1].max(initial=-1.0))
    value = VALUES[method]
    return value(with_row, candidates) - value(there, candidates)


@functools.cache
def literal(method: str, number: int) -> tuple[list[int], list[float]]:
    """The greedy choice of a problem as it is defined."""
    chosen, gains = [], []
    pool, budget = problem(number)
    given = np.empty((0, pool.candidates.shape[1])) if pool.given is None else pool.given
    groups = np.zeros(len(pool.candidates), int) if pool.groups is None else pool.groups
    left = np.array([len(pool.candidates)]) if pool.room is None else np.array(pool.room)
    for _ in range(budget):
        there = np.concatenate([given, pool.candidates[chosen]])
        free = [row for row in range(len(groups)) if row not in chosen and left[groups[row]]]
        found = [gain(method, pool, there, row) for row in free]
        first = next(place for place, value in enumerate(found) if value >= max(found) - TIE)
        chosen.append(free[first])
        gains.append(-found[first] if method == "least_diverse" else found[first])
        left[groups[free[first]]] -= 1
    return chosen, gains


def problem(number: int) -> tuple[Pool, int]:
    """A pool drawn at random: copies, blank rows, given rows, ranks below the budget, and groups with limits."""
    rng = np.random.default_rng(number)
    count, dimensions = int(rng.integers(2, 18)), int(rng.integers(1, 24))
    rank = int(rng.integers(1, dimensions + 1))
    rows = rng.standard_normal((count, rank)) @ rng.standard_normal((rank, dimensions))
    rows += rng.integers(0, 2) * 3 * rng.standard_normal(dimensions)
    copied = rng.random(count) < 0.2
    rows[copied] = rows[rng.integers(0, count, copied.sum())] * rng.uniform(0.5, 2, (copied.sum(), 1))
    rows[rng.random(count) < 0.03] = 0
    given = [None, rows[:1].copy(), rng.standard_normal((int(rng.integers(1, 30)), dimensions))][number % 3]
    if number % 2:
        return Pool(rows, given), int(rng.integers(1, count + 1))
    groups = rng.integers(0, 3, count)
    room = np.minimum(np.bincount(groups, minlength=3), rng.integers(1, 6, 3))
    return Pool(rows, given, groups, room), int(rng.integers(1, room.sum() + 1))


@pytest.mark.parametrize("method", [*OBJECTIVES, LEAST])
def test_choices_are_those_of_the_literal_greedy_to_the_index(method: str) -> None:
    wrong = []
    for number in range(PROBLEMS):
        pool, budget = problem(number)
        found = choose(method, pool, budget)
        rows, gains = literal(method, number)
        if found.rows.tolist() != rows or not np.allclose(found.gains, gains, rtol=1e-6, atol=1e-7):
            wrong.append(number)
    assert wrong == []


@pytest.mark.parametrize("near", [1, 3])
def test_choices_ahead_among_few_candidates_are_taken_back_where_others_add_less(
    near: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(least, "NEAR", near)
    wrong, taken_back, take = [], [], least.Least._take

    def counted(self: least.Least, ahead: least._Ahead, fallen: np.ndarray, right: int) -> None:
        taken_back.append(right < len(ahead.rows))
        take(self, ahead, fallen, right)

    monkeypatch.setattr(least.Least, "_take", counted)
    for number in range(PROBLEMS):
        pool, budget = problem(number)
        if choose(LEAST, pool, budget).rows.tolist() != literal(LEAST, number)[0]:
            wrong.append(number)
    assert wrong == [] and any(taken_back)


@pytest.mark.parametrize(("lag", "leading"), [(1, 3), (3, 1), (4, 5)])
def test_vendi_choices_heed_candidates_beside_the_leading_ones(
    lag: int, leading: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entropy, "LAG", lag)
    monkeypatch.setattr(entropy, "LEADING", leading)
    wrong = []
    for number in range(PROBLEMS // 5):
        pool, budget = problem(number)
        if choose("vendi", pool, budget).rows.tolist() != literal("vendi", number)[0]:
            wrong.append(number)
    assert wrong == []


def test_a_random_choice_keeps_the_limits_of_the_groups_and_follows_its_seed() -> None:
    groups = np.repeat([0, 1, 2], 10)
    pool = Pool(np.zeros((30, 2)), None, groups, np.array([2, 0, 5]))
    first, again = (choose("random", pool, 7, np.random.default_rng(1)) for _ in range(2))
    assert np.bincount(groups[first.rows], minlength=3).tolist() == [2, 0, 5]
    assert len(set(first.rows.tolist())) == 7 and first.rows.tolist() == again.rows.tolist()
    assert choose("random", pool, 7, np.random.default_rng(2)).rows.tolist() != first.rows.tolist()


@pytest.mark.parametrize("method", [*OBJECTIVES, LEAST])
def test_a_choice_heeds_neither_lengths_nor_rotations(method: str) -> None:
    rng = np.random.default_rng(3)
    rows, given = rng.standard_normal((300, 20)), rng.standard_normal((40, 20))
    turn = np.linalg.qr(rng.standard_normal((20, 20)))[0]
    plain = choose(method, Pool(rows, given), 90)
    turned = choose(method, Pool(rng.uniform(0.1, 9, (300, 1)) * rows @ turn, given @ turn), 90)
    assert plain.rows.tolist() == turned.rows.tolist()


def test_most_and_least_diverse_choices_lie_on_both_sides_of_random_ones() -> None:
    rng = np.random.default_rng(4)
    pool = Pool(rng.standard_normal((400, 30)) * np.linspace(0.1, 2, 30), rng.standard_normal((50, 30)))
    found = {method: choose(method, pool, 60, rng).rows for method in METHODS}
    score = {method: vendi_score(pool.candidates[rows], rows) for method, rows in found.items()}
    assert score["vendi"] > score["random"] > score["least_diverse"]
    assert score["log_det"] > score["random"] and score["k_centre"] > score["random"]


@pytest.mark.parametrize("budget", [0, 8])
def test_a_budget_that_the_groups_have_no_room_for_is_refused(budget: int) -> None:
    pool = Pool(np.eye(10), None, np.repeat([0, 1], 5), np.array([2, 9]))
    with pytest.raises(ValueError, match="between 1 and the 7 candidates"):
        choose("log_det", pool, budget)
