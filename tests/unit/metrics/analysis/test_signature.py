"""The regression of one effect on others: against literal formulas, and its errors against the truth."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from weightscape.metrics.analysis import signature
from weightscape.metrics.analysis.design import Design
from weightscape.metrics.analysis.signature import Signed

NAMES = ("augment", "dropout", "weight_decay", "label_noise")
POOL = ("baseline", "baseline")
ASKED = [Signed(name, {(name, "x"): 1.0, POOL: -1.0}) for name in NAMES]
DIRECTIONS = np.linalg.qr(np.random.default_rng(9).normal(size=(9, 9)))[0]
Study = tuple[Design, np.ndarray]


def study(truth: dict[str, np.ndarray], seed: int, runs: int = 5, features: int = 9, scale: float = 1.0) -> Study:
    """Runs of a pool, of four interventions and of ten further conditions; features share a shock."""
    rng = np.random.default_rng(seed)
    further = [f"f{k}" for k in range(10)]
    rows = [("baseline", "baseline")] * 3 * runs + [(name, "x") for name in (*NAMES, *further) for _ in range(runs)]
    table = pd.DataFrame(rows, columns=["family", "dose"]).assign(number=1.0)
    values = rng.normal(size=(len(rows), features)) + 0.7 * rng.normal(size=(len(rows), 1))
    for name, effect in truth.items():
        values[table["family"] == name] += effect
    return Design.of(table), scale * values


def planted(like: np.ndarray, length: float = 12.0) -> dict[str, np.ndarray]:
    """Effects of three interventions along the first axes, and one of diversity with these parts along the axes."""
    parts = {name: length * DIRECTIONS[:, k] for k, name in enumerate(NAMES[1:])}
    return parts | {"augment": length * DIRECTIONS[:, : len(like)] @ like / np.linalg.norm(like)}


def regressed(made: Study) -> signature.Regression:
    effects = signature.whitened(*made, ASKED)
    assert effects is not None
    found = signature.regression(effects)
    assert found is not None
    return found


def test_whitening_gives_effects_in_standard_deviations_and_the_noise_of_what_they_share():
    design, values = study(planted(np.array([1.0])), 0)
    found = signature.whitened(design, values, ASKED)
    assert found is not None
    rest = np.concatenate([values[at] - values[at].mean(axis=0) for at in design.rows.values()])
    covariance = rest.T @ rest / found.df
    effect = values[design.rows["dropout", "x"]].mean(axis=0) - values[design.rows["baseline", "baseline"]].mean(axis=0)
    assert found.effects[:, 1] @ found.effects[:, 1] == pytest.approx(effect @ np.linalg.solve(covariance, effect))
    assert found.noise[0, 1] == pytest.approx(1 / 15, rel=0.3) and found.noise[0, 0] >= 1 / 5 + 1 / 15 - 1e-12


def test_one_effect_against_zero_is_hotellings_test():
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"family": ["baseline"] * 8 + ["augment"] * 6, "dose": ["baseline"] * 8 + ["x"] * 6})
    values = rng.normal(size=(14, 3)) + 0.8 * (table["family"] == "augment").to_numpy()[:, None]
    found = signature.whitened(Design.of(table.assign(number=1.0)), values, ASKED[:1])
    assert found is not None
    gap = values[8:].mean(axis=0) - values[:8].mean(axis=0)
    pooled = (7 * np.cov(values[:8].T) + 5 * np.cov(values[8:].T)) / 12
    t2 = gap @ np.linalg.solve(pooled, gap) / found.noise[0, 0]
    assert found.p[0] == pytest.approx(stats.f.sf(t2 * 10 / (12 * 3), 3, 10))
    assert found.noise[0, 0] == pytest.approx(1 / 8 + 1 / 6, rel=0.4)


def test_units_and_copies_of_features_change_nothing():
    made = study(planted(np.array([0.8, 0.2, 0.0])), 2)
    turn = np.random.default_rng(3).normal(size=(9, 9))
    copied = np.concatenate([made[1] @ turn, made[1][:, :2] + made[1][:, 2:4]], axis=1)
    for values in (1e3 * made[1], made[1] @ turn, copied):
        assert regressed((made[0], values)).values == pytest.approx(regressed(made).values, abs=1e-6)


def test_without_noise_the_coefficients_are_those_of_ridge_regression_on_unit_signatures():
    rng = np.random.default_rng(4)
    vectors = 1e4 * rng.normal(size=(4, 9))
    found = regressed(study(dict(zip(NAMES, vectors, strict=True)), 4))
    design, values = study(dict(zip(NAMES, vectors, strict=True)), 4)
    rest = np.concatenate([values[at] - values[at].mean(axis=0) for at in design.rows.values()])
    root = np.linalg.cholesky(np.linalg.inv(rest.T @ rest))
    unit = vectors @ root / np.linalg.norm(vectors @ root, axis=1, keepdims=True)
    expected = np.linalg.solve(unit[1:] @ unit[1:].T + 0.1 * np.eye(3), unit[1:] @ unit[0])
    assert found.values[:3] == pytest.approx(expected, abs=1e-3)
    assert found.values[3:6] == pytest.approx(unit[1:] @ unit[0], abs=1e-3)
    assert found.values[6] == pytest.approx(((unit[0] - expected @ unit[1:]) ** 2).sum(), abs=1e-3)


@pytest.mark.parametrize("like", [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 0.0, 1.0], [0.3, 0.0, 0.0, 1.0]])
def test_intervals_cover_and_zero_is_rejected_rarely(like: list[float]):
    """Of dropout's coefficient less weight decay's, and of dropout's cosine; truth in whitened units."""
    root = np.linalg.cholesky(np.linalg.inv(np.eye(9) + 0.49 * np.ones((9, 9))))
    truth = np.stack([planted(np.array(like))[name] for name in NAMES]) @ root
    exact = signature._values((truth @ truth.T)[None])[0]
    covered, n = np.zeros(2), 150
    for seed in range(n):
        found = regressed(study(planted(np.array(like)), seed))
        for at, (interval, true) in enumerate(
            ((found.contrast({0: 1.0, 1: -1.0}, 0.95), exact[0] - exact[1]), (found.cosine(0, 0.95), exact[3]))
        ):
            covered[at] += interval.low <= true <= interval.high
    assert (covered / n > 0.9).all()  # 95 % less 2.8 standard errors


def test_whitening_by_an_estimate_spreads_noise_by_the_mean_square_of_an_inverse_wishart_matrix():
    """Many features against the degrees of freedom: intervals without it cover four fifths at this size."""
    size, df, level = 24, 60, 0.95
    truth = 9.0 * np.linalg.qr(np.random.default_rng(3).normal(size=(size, size)))[0][:, :3]
    truth[:, 0] = 9.0 * (truth[:, 1] + 0.5 * truth[:, 2]) / np.linalg.norm(truth[:, 1] + 0.5 * truth[:, 2])
    exact = signature._values((truth.T @ truth)[None])[0]
    noise = np.full((3, 3), 1 / 15) + np.eye(3) / 5
    covered = []
    for number in range(300):
        rng = np.random.default_rng(number)
        root = np.linalg.cholesky(np.linalg.inv(stats.wishart(df, np.eye(size) / df).rvs(random_state=rng))).T
        measured = truth + rng.normal(size=(size, 3)) @ np.linalg.cholesky(noise).T
        found = signature.regression(signature.Whitened(root @ measured, noise, df))
        assert found is not None
        gap = found.contrast({0: 1.0, 1: -1.0}, level)
        covered.append(gap.low <= exact[0] - exact[1] <= gap.high)
    assert np.mean(covered) == pytest.approx(level, abs=0.04)


@pytest.mark.parametrize(("like", "nearest"), [([1.0], [0]), ([0.0, 1.0], [1]), ([0.0, 0.0, 0.0, 1.0], [])])
def test_what_diversity_is_like_is_named(like: list[float], nearest: list[int]):
    named = [regressed(study(planted(np.array(like)), seed)).nearest((0, 1, 2), 0.95) for seed in range(40)]
    assert sum(found == nearest for found in named) >= 36
    assert sum(found not in (nearest, None) for found in named) <= 2


def test_signatures_that_are_equal_are_named_together_and_share_the_coefficient():
    truth = planted(np.array([1.0]))
    found = regressed(study(truth | {"label_noise": truth["dropout"]}, 5))
    assert sorted(found.nearest((0, 1, 2), 0.95) or []) == [0, 2]
    assert found.values[0] == pytest.approx(found.values[2], abs=0.1) and found.values[0] == pytest.approx(
        0.48, abs=0.1
    )


def test_a_part_of_its_own_is_found_where_there_is_one():
    p = [
        regressed(study(planted(np.array(like)), seed)).own_p
        for like in ([0.6, 0.4], [0.6, 0.0, 0.0, 1.0])
        for seed in range(60)
    ]
    assert np.mean(np.array(p[:60]) < 0.05) < 0.15 and np.mean(np.array(p[60:]) < 0.05) == 1


def test_too_few_runs_or_features_carry_no_regression():
    design, values = study({}, 6, runs=2)
    assert (
        signature.whitened(design, np.tile(values, 3)[:, :27] + np.random.default_rng(0).normal(size=(34, 27)), ASKED)
        is None
    )
    few = signature.whitened(*study(planted(np.array([1.0])), 6), ASKED)
    assert few is not None
    assert signature.regression(signature.Whitened(few.effects[:2], few.noise, few.df)) is None
    silent = signature.whitened(*study({}, 6), ASKED)
    assert silent is not None and not silent.have_directions.any()
