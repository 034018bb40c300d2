"""The closed schema of the result tables, and the effects that they start from."""

from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

from unit.metrics import simulated_studies as simulate
from unit.metrics.planted import options
from weightscape.errors import UserError
from weightscape.families import COMPARED
from weightscape.metrics import effects, table_schema
from weightscape.metrics.analysis.analyse import APART, analysed
from weightscape.published.analysis import Results
from weightscape.study.config import checked, load

CLAIMS = pd.DataFrame(
    {
        name: [{"text": "x", "number": 1.5, "count": 3, "flag": True}[rule.type]]
        for name, rule in table_schema.schema()["claims"].columns.items()
    }
).assign(verdict="supported")


def test_a_table_with_another_column_is_refused():
    with pytest.raises(ValueError, match="table claims: column 'more'"):
        table_schema.checked("claims", CLAIMS.assign(more=1))
    with pytest.raises(ValueError, match="table claims: column 'n'"):
        table_schema.checked("claims", CLAIMS.drop(columns="n"))


def test_an_unknown_verdict_and_an_empty_reason_are_refused():
    with pytest.raises(ValueError, match="'verdict' has 'maybe'"):
        table_schema.checked("claims", CLAIMS.assign(verdict="maybe"))
    with pytest.raises(ValueError, match="'reason' has an empty cell"):
        table_schema.checked("claims", CLAIMS.assign(reason=None))


def test_columns_come_in_the_schemas_order_and_types():
    turned = table_schema.checked("claims", CLAIMS[CLAIMS.columns[::-1]].assign(n="3", low=1))
    assert list(turned) == list(table_schema.schema()["claims"].columns)
    assert turned["n"].dtype == "int64" and turned["low"].dtype == "float64"


def test_every_table_of_a_published_study_is_in_the_schema_under_its_file_name():
    assert {field.name for field in fields(Results)} == set(table_schema.of("reanalyse"))


def test_the_seven_tables_that_a_person_would_read_are_csv_files_of_aggregate():
    files = table_schema.files("aggregate")
    names = ["runs", "evaluation", "diversity", "quality", "curvature", "penalties", "weight_change"]
    assert [file for file in files if file.endswith(".csv")] == [f"{name}.csv" for name in names]


def test_an_open_table_may_have_further_columns_but_none_of_those_it_names_may_lack():
    rule = table_schema.schema()["quantiles"]
    whole = table_schema.empty("quantiles").assign(q00=0.1)
    table_schema.check(rule, whole)
    with pytest.raises(ValueError, match="table quantiles: column 'layer'"):
        table_schema.check(rule, whole.drop(columns="layer"))


def test_a_word_in_a_column_of_numbers_is_refused_and_a_gap_is_not():
    rule = table_schema.schema()["claims"]
    table_schema.check(rule, CLAIMS.assign(low=None))
    with pytest.raises(ValueError, match="'low' has a cell that is no number"):
        table_schema.check(rule, CLAIMS.assign(low="small"))


def test_a_study_without_any_run_has_empty_tables_of_the_right_form():
    columns = [*effects.RUN, *effects.LAYER, "source", "metric", "value", "usable"]
    made = analysed({"effects": pd.DataFrame({name: [] for name in columns})}, options())
    assert set(made) | set(APART) == set(table_schema.of("analyse"))
    for name, table in made.items():
        assert len(table) == 0 and list(table) == list(table_schema.schema()[name].columns)


def test_what_the_analysis_makes_fits_its_schema():
    made = simulate.tables(simulate.Truth(seeds=2, layers=3, families=COMPARED), np.random.default_rng(0))
    table = effects.against_baseline(made["effects"].assign(usable=True))
    table_schema.table("effects", [table])
    table_schema.table("run_effects", [effects.per_run(table)])
    found = analysed({**made, "effects": table}, options(metrics=["log_norm"]))
    assert [name for name in found if not len(found[name])] == ["excluded", "over_setups"]  # one setup


def test_standardised_effects_are_in_pooled_deviations_with_hedges_factor():
    made = simulate.tables(simulate.Truth(seeds=4, layers=2, families=("dropout",)), np.random.default_rng(1))
    table = effects.against_baseline(made["effects"].assign(usable=True))
    one = table[(table["layer"] == "layer01") & (table["metric"] == "entropy") & (table["source"] == "change")]
    conditions = [part["value"] for _, part in one.groupby(["family", "dose"])]
    df = sum(len(part) - 1 for part in conditions)
    spread = np.sqrt(sum((len(part) - 1) * part.var(ddof=1) for part in conditions) / df)
    expected = (1 - 3 / (4 * df - 1)) * one["effect"] / spread
    assert one["standardised"].to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-3)


def test_an_alpha_from_few_eigenvalues_or_a_short_tail_is_not_usable():
    rows = [
        {
            "dataset": "d",
            "backbone": "b",
            "family": "f",
            "dose": "baseline",
            "number": 0.0,
            "seed": 0,
            "layer": layer,
            "part": "weight",
            "role": "hidden",
            "kind": "linear",
            "matrix": matrix,
            "status": "ok",
            "alpha": 3.0,
            "log_norm": 1.0,
            "num_evals": evals,
            "num_pl_spikes": tail if matrix == "before" else 30,
        }
        for layer, evals, tail in (("good", 50, 20), ("small", 49, 20), ("short", 80, 19))
        for matrix in ("before", "after")
    ]
    found = effects.changes(pd.DataFrame(rows), ["alpha", "log_norm"]).set_index(["metric", "layer"])["usable"]
    assert found["alpha"].to_dict() == {"good": True, "small": False, "short": False}
    assert found["log_norm"].all()
    assert effects.changes(pd.DataFrame(rows).drop(columns=["num_evals", "num_pl_spikes"]), ["alpha"])["usable"].all()


def test_a_layer_table_without_a_metric_is_named():
    with pytest.raises(UserError, match="the table layers has no column 'alpha'"):
        effects.changes(
            pd.DataFrame({name: [] for name in [*effects.RUN, *effects.LAYER, "matrix", "status"]}), ["alpha"]
        )


def test_a_primary_metric_outside_of_the_metrics_is_found_before_the_first_job(request: pytest.FixtureRequest):
    config = load(request.config.rootpath / "config.yaml", None)
    config["analyse"] = {**config["analyse"], "primary": "norm"}
    with pytest.raises(UserError, match=r"analyse.primary = 'norm' is not in analyse.metrics; choose from log_norm"):
        checked(config)
