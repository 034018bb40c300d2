"""The mixed model against statsmodels, started where ours ended."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from statsmodels.regression.mixed_linear_model import MixedLMParams

from weightscape.metrics.analysis import mixed_model
from weightscape.metrics.analysis.design import Design

LAYERS, SEEDS, DOSES = 9, 4, ("baseline", "weak", "strong")


def study(run: float, cross: float) -> tuple[Design, np.ndarray]:
    rng = np.random.default_rng(5)
    rows = [("f", dose, number) for number, dose in enumerate(DOSES) for _ in range(SEEDS)]
    design = Design.of(pd.DataFrame(rows, columns=["family", "dose", "number"]))
    layers, crossed = rng.normal(size=LAYERS), cross * rng.normal(size=(3, LAYERS))
    values = layers + np.repeat(crossed, SEEDS, axis=0) + run * rng.normal(size=(12, 1))
    return design, values + 0.5 * rng.normal(size=(12, LAYERS))


@pytest.mark.filterwarnings("ignore")
def test_components_and_error_are_those_of_statsmodels_at_its_best_likelihood():
    design, values = study(1.0, 0.6)
    ours = mixed_model.fit(design, values, "f", "strong")
    table = pd.DataFrame(
        [
            (dose, f"{dose}{s}", layer, values[k * SEEDS + s, layer])
            for k, dose in enumerate(DOSES)
            for s in range(SEEDS)
            for layer in range(LAYERS)
        ],
        columns=["dose", "run", "layer", "y"],
    )
    model = smf.mixedlm(
        "y ~ 0 + C(dose) + C(layer)",
        table,
        groups="dose",
        re_formula="0",
        vc_formula={"layer": "0 + C(layer)", "run": "0 + C(run)"},
    )
    start = MixedLMParams.from_components(
        fe_params=np.zeros(model.k_fe),
        cov_re=np.zeros((0, 0)),
        vcomp=np.array([ours.layer_condition, ours.run]) / ours.residual,
    )
    theirs = model.fit(start_params=start, reml=True, method="nm", maxiter=2000)
    assert theirs.vcomp == pytest.approx([ours.layer_condition, ours.run], rel=0.02)
    assert theirs.scale == pytest.approx(ours.residual, rel=0.02)
    c = np.zeros(model.k_fe)
    names = list(model.exog_names)
    c[names.index("C(dose)[strong]")], c[names.index("C(dose)[baseline]")] = 1, -1
    assert c @ theirs.fe_params.to_numpy() == pytest.approx(ours.value)
    covariance = theirs.cov_params().to_numpy()[: len(c), : len(c)]
    assert np.sqrt(c @ covariance @ c) == pytest.approx(ours.error, rel=0.02)


@pytest.mark.parametrize(("run", "cross", "which"), [(0.0, 1.0, "runs"), (1.0, 0.0, "layer x condition")])
def test_a_singular_fit_has_no_p(run: float, cross: float, which: str):
    design, values = study(run, cross)
    if run == 0:  # the runs' means agree better than their layers' noise allows
        for at in design.rows.values():
            values[at] += values[at].mean() - values[at].mean(axis=1, keepdims=True)
    else:
        for at in design.rows.values():
            values[at] += values.mean(axis=0) - values[at].mean(axis=0)
    found = mixed_model.fit(design, values, "f", "strong")
    assert f"singular fit: the variance of {which}" in found.why and np.isnan(found.p)


def test_single_runs_have_no_replicates():
    design, values = study(1.0, 1.0)
    one = replace(design, rows={c: at[:1] for c, at in design.rows.items()})
    assert mixed_model.fit(one, values, "f", "strong").why == "no replicates"


def test_unequal_numbers_of_runs_still_reject_a_true_null_rarely():
    rng = np.random.default_rng(0)
    rows = [("f", dose, number) for number, dose in enumerate(DOSES) for _ in range((6, 4, 4)[number])]
    design = Design.of(pd.DataFrame(rows, columns=["family", "dose", "number"]))
    rejected = 0
    for _ in range(300):
        crossed = rng.normal(size=(3, LAYERS))
        values = np.repeat(crossed, (6, 4, 4), axis=0) + rng.normal(size=(14, 1)) + rng.normal(size=(14, LAYERS))
        rejected += mixed_model.fit(design, values, "f", "strong").p < 0.05
    assert rejected < 300 * 0.05 + 2.6 * np.sqrt(300 * 0.05 * 0.95)
