"""The published procedure on the released tables gives every published number."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

import unit.published.made_folders as made
from weightscape.project import ROOT
from weightscape.published import analysis, conditions
from weightscape.published.analysis import Results
from weightscape.published.procedure import ALL

REFERENCE = ROOT.parent / "shared" / "reference"
EXAMPLE = ROOT / "workflow" / "studies" / "published" / "conditions.yaml"
pytestmark = pytest.mark.skipif(not REFERENCE.is_dir(), reason="the released tables are not beside the project")


@pytest.fixture(scope="module")
def results() -> Results:
    return analysis.analyse(REFERENCE / "weightwatcher_tables", conditions.read(EXAMPLE), made.OPTIONS)[0]


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], float]]:
    """Every number of nested mappings with its path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    else:
        yield path, value


def key(statistic: str) -> tuple[str | None, str | None, str]:
    """Family, other and statistic from a name such as t_div_dp."""
    if statistic in ("anova_F", "anova_p", "n_layers"):
        return None, None, statistic
    name, one, other = statistic.split("_")
    return one, other, name


def test_every_number_of_the_reference_is_met_to_a_millionth(results: Results) -> None:
    table = results.published[results.published["dataset"] == ALL]
    columns = ["scope", "metric", "family", "other", "statistic"]
    found = {tuple(None if v != v else v for v in row[:5]): row[5] for row in table[[*columns, "value"]].to_numpy()}
    expected = json.loads((REFERENCE / "expected_vit_b32.json").read_text())["vit_b32"]
    numbers = list(leaves(expected))
    assert len(numbers) == 2 * 4 * 15
    for (scope, metric, *rest), value in numbers:
        family, other, statistic = (rest[1], None, "mean") if rest[0] == "mean" else key(rest[0])
        assert found[scope, metric, family, other, statistic] == pytest.approx(value, rel=1e-6), (scope, metric, rest)


def test_the_text_encoder_is_frozen_in_every_run(results: Results) -> None:
    table = results.exclusions
    frozen = table[(table["method"] == "published") & table["reason"].str.startswith("layer frozen")]
    assert len(frozen) == 84 and set(frozen["n"]) == {37}


def test_the_norms_of_hidden_effects_are_those_stated_in_the_methods(results: Results) -> None:
    rows = results.similarity.query("dataset == 'cifar10' and metric == 'log_norm' and statistic == 'cosine'")
    decay = rows[rows["other"] == "weight_decay"]["norm_other"]
    dropout = rows[rows["other"] == "dropout"]["norm_other"]
    assert decay.iloc[0] == pytest.approx(0.72, abs=0.005)
    assert dropout.iloc[0] == pytest.approx(0.0005, abs=0.00005)
    assert set(rows["verdict"]) == {"undecided: no replicates"}
