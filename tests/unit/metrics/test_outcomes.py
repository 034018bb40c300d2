import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from weightscape.metrics.outcomes import effective_robustness, unseen


def table(accuracies: list[float], gain: float = 0.0) -> pd.DataFrame:
    """Baselines and runs of `duplicate` on a known line, and one augmented run `gain` above it."""
    rows = []
    families = ["noise"] * 3 + ["duplicate"] * (len(accuracies) - 4) + ["augment"]
    for seed, (family, inside) in enumerate(zip(families, accuracies, strict=True)):
        dose = "baseline" if family == "noise" else "half"
        outside = expit(-1 + 0.8 * logit(inside)) + (gain if family == "augment" else 0)
        for split, value in (("test", inside), ("ood-x", outside)):
            rows.append(("d", "b", family, dose, seed, split, value))
    columns = ["dataset", "backbone", "family", "dose", "seed", "split", "accuracy"]
    return pd.DataFrame(rows, columns=columns)


def test_a_run_above_the_line_is_robust_by_the_difference() -> None:
    content = table([0.9, 0.91, 0.92, 0.75, 0.8, 0.85, 0.93], gain=0.05)
    value, reason = effective_robustness(content)
    ood = content["split"] == "ood-x"
    augmented = ood & (content["family"] == "augment")
    assert value[augmented].item() == pytest.approx(0.05)
    np.testing.assert_allclose(value[ood & ~augmented], 0, atol=1e-9)
    assert (reason[ood] == "").all() and value[~ood].isna().all()


@pytest.mark.parametrize("accuracies", [[0.9, 0.91, 0.92, 0.75, 0.93], [0.9, 0.91, 0.92, 0.93, 0.94, 0.95, 0.93]])
def test_few_or_similar_references_give_none(accuracies: list[float]) -> None:
    content = table(accuracies)
    value, reason = effective_robustness(content)
    assert value.isna().all()
    assert (reason[content["split"] == "ood-x"] == "no reference").all()


def test_a_set_that_one_condition_trains_on_counts_for_none_of_its_setup() -> None:
    rows = [("d", "b", split, family) for split in ("test", "ood-noise", "ood-blur") for family in ("noise", "augment")]
    rows += [("other", "b", "ood-noise", "augment")]
    content = pd.DataFrame(rows, columns=["dataset", "backbone", "split", "family"])
    assert list(unseen(content)) == [False, False, True, True, True, True, True]
    content["seen"] = (content["family"] == "noise") & (content["split"] == "ood-noise")
    assert list(unseen(content)) == [False, False, False, False, True, True, True]
