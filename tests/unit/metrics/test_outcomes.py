import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import expit, logit

from weightscape.metrics.outcomes import effective_robustness, measured, unseen


def table(accuracies: list[float], gain: float = 0.0, noise: float = 0.0) -> pd.DataFrame:
    """Baselines and conditions of `duplicate`, two runs each, about a known line, and one augmented run above it."""
    rng = np.random.default_rng(0)
    doses = [("baseline", "baseline"), *(("duplicate", f"d{k}") for k in range(len(accuracies) - 2))]
    runs = [(*dose, seed, x) for dose, x in zip(doses, accuracies, strict=False) for seed in range(2)]
    rows = []
    for family, dose, seed, inside in [*runs, ("augment", "strong", 0, accuracies[-1])]:
        outside = expit(-1 + 0.8 * logit(inside) + noise * rng.normal()) + (gain if family == "augment" else 0)
        for split, value in (("test", inside), ("ood-x", outside)):
            rows.append(("d", "b", family, dose, seed, split, value))
    columns = ["dataset", "backbone", "family", "dose", "seed", "split", "accuracy"]
    return pd.DataFrame(rows, columns=columns)


SPREAD = [0.92, 0.75, 0.8, 0.85, 0.9, 0.93]


def test_a_run_above_the_line_is_robust_by_the_difference() -> None:
    content = table(SPREAD, gain=0.05)
    found = effective_robustness(content)
    ood = content["split"] == "ood-x"
    augmented = ood & (content["family"] == "augment")
    value, reason = found["effective_robustness"], found["no_robustness_because"]
    assert value[augmented].item() == pytest.approx(0.05)
    np.testing.assert_allclose(value[ood & ~augmented], 0, atol=1e-9)
    assert (reason[ood] == "").all() and value[~ood].isna().all()


def test_the_error_is_that_of_a_mean_predicted_by_least_squares_through_conditions() -> None:
    content = table(SPREAD, noise=0.05)
    found = effective_robustness(content)
    pairs = content.pivot_table("accuracy", ["family", "dose", "seed"], "split").reset_index()
    pairs = pairs[pairs["family"] != "augment"].groupby(["family", "dose"])[["test", "ood-x"]].mean()
    x, y = logit(pairs["test"].to_numpy()), logit(pairs["ood-x"].to_numpy())
    at = sm.add_constant(np.array([0.0, logit(SPREAD[-1])]))[1:]
    predicted = sm.OLS(y, sm.add_constant(x)).fit().get_prediction(at)
    share = expit(predicted.predicted_mean[0])
    row = content.index[(content["family"] == "augment") & (content["split"] == "ood-x")][0]
    assert found.loc[row, "robustness_error"] == pytest.approx(share * (1 - share) * predicted.se_mean[0])
    assert found.loc[row, "effective_robustness"] == pytest.approx(content.loc[row, "accuracy"] - share)


@pytest.mark.parametrize(
    ("accuracies", "noise", "why"),
    [
        ([0.92, 0.75, 0.8, 0.85, 0.93], 0.0, "no reference"),
        ([0.92, 0.90, 0.91, 0.93, 0.94, 0.93], 0.0, "no reference"),
        (SPREAD, 2.0, "the slope of the reference does not differ from zero"),
    ],
)
def test_few_or_similar_conditions_and_a_slope_within_noise_predict_nothing(
    accuracies: list[float], noise: float, why: str
) -> None:
    content = table(accuracies, noise=noise)
    found = effective_robustness(content)
    assert found["effective_robustness"].isna().all() and found["robustness_error"].isna().all()
    assert (found["no_robustness_because"][content["split"] == "ood-x"] == why).all()


def test_the_error_of_mean_robustness_is_over_the_sets_that_have_a_line() -> None:
    content = table(SPREAD, noise=0.05).assign(ece=0.1, number=1.0)
    flat = content[content["split"] == "ood-x"].assign(split="ood-flat", accuracy=0.5)
    content = pd.concat([content, flat], ignore_index=True)
    found = pd.concat([content, effective_robustness(content)], axis=1)
    assert found.loc[found["split"] == "ood-flat", "effective_robustness"].isna().all()
    one = found[(found["family"] == "augment") & (found["split"] == "ood-x")]
    means = measured(found).query("family == 'augment'").set_index("measure")["value"]
    assert means["robust"] == pytest.approx(100 * one["effective_robustness"].item())
    assert means["robust_error"] == pytest.approx(100 * one["robustness_error"].item())


def test_a_set_that_one_condition_trains_on_counts_for_none_of_its_setup() -> None:
    rows = [("d", "b", split, family) for split in ("test", "ood-noise", "ood-blur") for family in ("noise", "augment")]
    rows += [("other", "b", "ood-noise", "augment")]
    content = pd.DataFrame(rows, columns=["dataset", "backbone", "split", "family"])
    assert list(unseen(content)) == [False, False, True, True, True, True, True]
    content["seen"] = (content["family"] == "noise") & (content["split"] == "ood-noise")
    assert list(unseen(content)) == [False, False, False, False, True, True, True]
