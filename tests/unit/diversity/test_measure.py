"""The whole record: what it holds, what it depends on, and its edges."""

import json

import numpy as np
import pytest

from weightscape.diversity.measure import Comparisons, measure, plain
from weightscape.diversity.rows import unit_rows
from weightscape.diversity.settings import DiversitySettings
from weightscape.diversity.vendi import scores
from weightscape.diversity.weighted import paired_rho

SETTINGS = DiversitySettings(
    orders=(0.5, 1.0, 2.0, float("inf")),
    common_rows=20,
    draws=3,
    rarefaction_rows=(5, 10, 20, 40),
    rarefaction_draws=3,
    class_rows=6,
    permutations=20,
    clusters=4,
    cluster_rows=1000,
    reference_rows=1000,
    neighbours=5,
    kid_block_rows=20,
    assigned_rows=300,
    projections=128,
)


@pytest.fixture
def features(rng):
    return rng.random((60, 30), dtype=np.float32)


@pytest.fixture
def labels():
    return np.arange(60) % 4


def record_of(features, labels=None, *, seed=1, settings=SETTINGS, appended_from=None, **others):
    return measure(features, labels, Comparisons(**others), settings, np.random.default_rng(seed), appended_from)


def test_the_whole_record_is_json_without_nan(features, labels, rng):
    record = record_of(features, labels, reference=features[::2], baseline=features, noise=rng.random((25, 30)))
    assert json.loads(json.dumps(record, allow_nan=False)) == record


def test_plain_values_have_python_types_and_no_nan():
    found = plain({1: (np.float32(0.5), np.nan), "n": [np.int64(2), -np.inf, True, None]})
    assert found == {"1": [0.5, None], "n": [2, None, True, None]}
    assert [type(each) for each in (found["1"][0], found["n"][0])] == [float, int]


def test_scores_are_those_of_the_rows(features, labels):
    record = record_of(features, labels)
    assert record["vendi"]["whole"] == scores(features)
    assert [each["class"] for each in record["vendi"]["classes"]["each"]] == [0, 1, 2, 3]
    assert record["vendi"]["common"]["rows"] == 20
    assert [point["rows"] for point in record["vendi"]["rarefaction"]] == [5, 10, 20]


def test_the_same_seed_gives_the_same_record_and_another_seed_other_draws(features, labels):
    assert record_of(features, labels) == record_of(features, labels)
    first, other = (record_of(features, labels, seed=seed)["vendi"] for seed in (1, 2))
    assert first["whole"] == other["whole"]
    assert first["common"] != other["common"]


def test_a_part_more_changes_no_other_part(features, labels, rng):
    alone = record_of(features, labels)
    more = record_of(features, labels, baseline=features, noise=rng.random((25, 30)))
    assert more["geometry"]["pldiv"] == alone["geometry"]["pldiv"]
    assert {**more["vendi"], "noise": None} == alone["vendi"]
    with_reference = record_of(features, labels, baseline=features, reference=features[:30])
    assert with_reference["weighted"] == more["weighted"]


def test_what_is_not_asked_for_is_none(features):
    record = record_of(features)
    assert record["weighted"] is record["reference"] is None
    assert record["vendi"]["noise"] is record["vendi"]["classes"] is None


def test_the_set_paired_with_itself_keeps_its_score(features):
    weighted = record_of(features, baseline=features)["weighted"]
    assert weighted["score"]["published"] == pytest.approx(weighted["vendi"], rel=1e-12)
    assert weighted["rows_of_rho"] == "all"


def test_only_appended_rows_enter_rho_while_the_score_is_of_all(features, rng):
    baseline, appended = features[:40], rng.random((20, 30), dtype=np.float32)
    added = np.concatenate([baseline, appended])
    weighted = record_of(added, baseline=baseline, appended_from=40)["weighted"]
    assert weighted["rows_of_rho"] == "appended"
    assert weighted["pairs"] == 20
    assert weighted["rho"]["published"] == pytest.approx(paired_rho(unit_rows(baseline[:20]), unit_rows(appended)))
    assert weighted["vendi"] == pytest.approx(scores(added)["1"])


def test_nothing_appended_pairs_the_whole_set(features):
    weighted = record_of(features, baseline=features, appended_from=60)["weighted"]
    assert weighted["rows_of_rho"] == "all"
    assert weighted["rho"]["published"] == pytest.approx(1)


def test_clusters_are_those_of_the_baseline_then_of_the_reference(features):
    def origin(**others):
        return record_of(features, **others)["geometry"]["cluster_entropy"]["clusters_of"]

    assert origin(baseline=features, reference=features) == "baseline"
    assert origin(reference=features) == "reference"
    assert origin() == "itself"


def test_the_clusters_of_a_baseline_do_not_depend_on_the_seed(features):
    few = features[:20]  # all of them are used, so that nothing but the clusters could differ
    found = [record_of(few, seed=seed, baseline=features)["geometry"]["cluster_entropy"] for seed in (1, 2)]
    assert found[0] == found[1]


def test_as_many_rows_of_the_reference_as_of_the_set_are_used(features):
    assert record_of(features[:25], reference=features)["reference"]["rows"] == 25
    assert record_of(features, reference=features[:25])["reference"]["rows"] == 25


def test_a_set_against_itself_covers_it(features):
    found = record_of(features, reference=features)["reference"]
    assert (found["precision"], found["recall"], found["coverage"]) == (1, 1, 1)
    assert found["energy_distance"] < 0.1


def test_the_distinct_rows_are_counted(features):
    copied = np.concatenate([features[:12]] * 5)
    assert record_of(copied, reference=features)["reference"]["distinct_rows"] == 12
    assert record_of(features, reference=features)["reference"]["distinct_rows"] == len(features)


def test_rows_of_one_image_leave_no_value_undefined(labels):
    constant = np.ones((60, 30), dtype=np.float32)
    record = record_of(constant, labels, reference=constant, baseline=constant)
    assert record["vendi"]["whole"]["1"] == pytest.approx(1)
    assert record["weighted"]["rho"]["covariance"] is None
    assert record["reference"]["mmd2"]["value"] is None


def test_blank_images_are_counted(features):
    features[:7] = 0
    assert record_of(features)["blank_rows"] == 7


def test_two_rows_are_enough(features):
    record = record_of(features[:2], np.array([0, 1]), reference=features[:2], baseline=features[:2])
    assert record["vendi"]["common"]["rows"] == 1


def test_random_directions_score_above_uniform_noise(features):
    vendi = record_of(features)["vendi"]  # the features are uniform noise
    assert vendi["common"]["mean"]["inf"] < 2
    assert vendi["random_directions"]["mean"]["inf"] > 4
    assert vendi["random_directions"]["rows"] == 20


@pytest.mark.parametrize(
    ("others", "sentence"),
    [
        ({"reference": np.ones((3, 29))}, "reference must have 30 dimensions, got 29"),
        ({"baseline": np.ones((1, 30))}, "baseline must have at least 2 rows"),
        ({"noise": np.full((3, 30), np.nan)}, "noise must be finite"),
        ({"labels": np.zeros(59, dtype=int)}, r"labels must be one per row \(60\), got \[59\]"),
        ({"appended_from": 61}, r"appended_from must lie in \[0, 60\], got 61"),
    ],
)
def test_input_that_does_not_fit_is_refused(features, others, sentence):
    with pytest.raises(ValueError, match=sentence):
        record_of(features, **others)


def test_too_few_rows_for_the_neighbours_give_none(rng):
    record = record_of(rng.standard_normal((4, 2)), reference=rng.standard_normal((5, 2)))["reference"]
    assert record["rows"] == 4 and record["neighbours"] is None
    assert record["precision"] is record["coverage"] is record["coverage_expected"] is None
    assert record["kid"]["block_error"] is None
