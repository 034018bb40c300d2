"""The plan tells which claims a study cannot decide, and what to add; with that added it tells no more."""

import copy
from typing import Any

import numpy as np
import pytest

from unit.metrics import simulated_studies as simulate
from unit.metrics.planted import options, tables, truth
from weightscape.families import POOL
from weightscape.metrics.analysis import signature
from weightscape.metrics.analysis.claims import table
from weightscape.metrics.analysis.controls.table import CONTROLS, hotelling
from weightscape.metrics.analysis.design import Design
from weightscape.metrics.analysis.setups import setups
from weightscape.project import ROOT
from weightscape.study import Config, undecidable
from weightscape.study.config import load

CLAIMS = tuple(name for name in table.CLAIMS if name not in ("C10", "C11"))
"""The claims that every study asks."""
LISTED = {f"C{k}" for k in range(1, 10)}
"""Those of which the tests below list what they need."""


@pytest.fixture(scope="module")
def complete() -> Config:
    """The embedded study with what all claims need."""
    config = copy.deepcopy(dict(load(ROOT / "config.yaml", None)))
    config["backbones"]["small"] = config["backbones"]["efficientnet-lite0"] | {"weights": "none"}
    config["study"] |= {"backbones": ["efficientnet-lite0", "small"], "baseline_runs": 12}
    config["curvature"] |= {"families": ["augment"], "probes": 16}
    assert undecidable.told(config) == []
    return config


@pytest.fixture
def whole(complete: Config) -> Config:
    """The complete study, for a test to change."""
    return copy.deepcopy(complete)


def without(config: Config, *families: str) -> Config:
    config["study"]["families"] = [name for name in config["study"]["families"] if name not in families]
    return config


@pytest.mark.parametrize(
    ("family", "claims"),
    [
        ("label_noise", {"C2", "C4", "C7"}),
        ("duplicate", {"C1", "C2", "C4", "C8"}),
        ("real_add", {"C1", "C2", "C4", "C7", "C8"}),
        ("steps", {"C2", "C4"}),
        ("weight_decay", {"C1", "C2", "C3", "C4", "C5"}),
        ("augment", {"C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "C9"}),
        ("dropout", {"C1", "C2", "C3", "C4", "C5"}),
        ("synthetic_add", {"C7", "C8"}),
    ],
)
def test_a_family_that_is_left_out_is_asked_for_by_each_claim_that_needs_it(whole: Config, family, claims) -> None:
    found = undecidable.claims(without(whole, family))
    asked = {name for name, things in found.items() if any(thing.startswith(f"{family} to ") for thing in things)}
    assert claims - {"C4", "C8"} <= asked and set(found) & LISTED - {"C8"} == claims - {"C8"}


CHANGES: list[tuple[str, Any, set[str], str]] = [
    ("study/seeds", [0], set(CLAIMS) - {"C8"}, "seeds to study.seeds (it has 1, 2 are needed)"),
    ("study/baseline_runs", 8, set(CLAIMS), "runs to study.baseline_runs (it is 8, 12 are needed)"),
    ("study/backbones", ["small"], {"C4"}, "a pre-trained backbone to study.backbones"),
    ("study/backbones", ["efficientnet-lite0"], {"C4"}, "a backbone from scratch (weights: none) to study.backbones"),
    ("curvature/families", ["dropout"], {"C9"}, "augment to curvature.families"),
    ("curvature/probes", 4, {"C9"}, "probes to curvature.probes (it is 4, 16 are needed)"),
    ("diversity/orders", [1, 2], {"C6"}, "0.5 to diversity.orders"),
    ("data/digits/ood", {}, {"C7", "C8"}, "a set to data.digits.ood that no condition trains on"),
    ("families/synthetic_replace/doses", {"half": {"share": 0.5, "recipe": "guided"}}, {"C7"}, "a dose of share 1"),
]


@pytest.mark.parametrize(("key", "value", "claims", "thing"), CHANGES)
def test_what_a_claim_needs_besides_is_asked_for(
    whole: Config, key: str, value: Any, claims: set[str], thing: str
) -> None:
    *parents, last = key.split("/")
    block = whole
    for parent in parents:
        block = block[parent]
    block[last] = value
    found = undecidable.claims(whole)
    assert set(found) - {"C4", "C8"} == claims - {"C4", "C8"} and claims <= set(found) | {"C8"}
    assert any(each.startswith(thing) for things in found.values() for each in things), found
    assert any(line.startswith(f"{min(claims)} ") and f" Add {thing}" in line for line in undecidable.told(whole))


def in_halves(design: Design, values: np.ndarray) -> float:
    """p of the A/A control in as many features as two scopes have."""
    rows = dict(design.rows)
    pool = rows.pop(POOL)
    return hotelling(values, (pool[::2], pool[1::2]), list(rows.values()))


@pytest.mark.parametrize("seeds", range(2, 7))
@pytest.mark.parametrize("groups", range(2, 9))
def test_too_few_repeated_runs_for_the_features_of_c2_are_told_as_the_analysis_finds_them(
    whole: Config, seeds: int, groups: int, rng: np.random.Generator
) -> None:
    families = {name: whole["families"][name] for name in whole["study"]["families"]}
    numbers = {name: tuple(range(1, 1 + len(family["doses"]))) for name, family in families.items()}
    runs = simulate.runs_of(simulate.Truth(seeds, table.least_pool(seeds), tuple(numbers), numbers))
    values = rng.normal(size=(len(runs), 3 * groups))
    whole["study"] |= {"seeds": list(range(seeds)), "baseline_runs": table.least_pool(seeds)}
    whole["analyse"]["signature"]["groups"] = groups
    found = undecidable.claims(whole)
    design, twice = Design.of(runs), np.concatenate([values, values**3], axis=1)
    lacking = signature.whitened(design, values, []) is None or not np.isfinite(in_halves(design, twice))
    assert lacking == ("C2" in found) == ("C4" in found)
    if "C2" in found:
        carried = int(found["C2"][0].removesuffix(")").rpartition(" ")[2])
        whole["analyse"]["signature"]["groups"] = carried
        assert carried < groups and "C2" not in undecidable.claims(whole)


def test_the_runs_that_the_a_a_control_needs_are_asked_for(whole: Config) -> None:
    whole["study"] |= {"seeds": [0, 1, 2], "baseline_runs": 12}
    asked = whole["analyse"]["signature"]
    assert "C2" not in undecidable.claims(whole)
    asked["claim"] = ["hidden", "update", "head"]
    assert "needed for the covariance of 54 features, or set" in undecidable.claims(whole)["C2"][0]
    whole["study"] |= {"seeds": [0], "baseline_runs": 3}
    assert undecidable.claims(whole)["C8"] == ["runs to study.baseline_runs (it is 3, 4 are needed)"]


def test_a_metric_that_follows_from_others_is_no_further_feature(whole: Config) -> None:
    whole["study"] |= {"seeds": [0, 1], "baseline_runs": 6}
    asked = whole["analyse"]["signature"]
    asked |= {"claim": ["update"], "groups": 6}
    lacking = []
    for more in ([], ["log_spectral_norm"], ["alpha"]):
        asked["features"]["update"] = ["log_norm", "log_stable_rank", *more]
        lacking.append("C2" in undecidable.claims(whole))
    assert lacking == [False, False, True]


def test_a_study_without_synthetic_images_is_told_what_writes_them(whole: Config) -> None:
    by_init = "`weightscape init --generator ddpm`"
    assert by_init not in undecidable.claims(without(whole, "synthetic_add"))["C7"][0]
    found = undecidable.claims(without(whole, "synthetic_add", "synthetic_replace", "label_noise"))
    families = f"synthetic_add, synthetic_replace to study.families, as {by_init} does"
    assert found["C7"] == [families, "label_noise to study.families"]
    assert f"{by_init} adds 4 of 2)" in found["C8"][0]


def test_a_control_that_a_claim_does_not_name_is_not_asked_for(whole: Config) -> None:
    whole["analyse"]["controls"] |= {"C2": ["a_a", "strongest_decay"]}
    assert "C2" not in undecidable.claims(without(whole, "steps"))


def test_every_control_tells_its_families_and_is_missing_without_them() -> None:
    wanted = options(metrics=["log_norm"], draws=99, coarse=["fake"])
    for name, control in CONTROLS.items():
        for family in control.needs:
            less = simulate.Truth(families=tuple(each for each in simulate.DOSES if each != family), layers=3)
            setup = next(setups(tables(less), wanted.metrics))
            assert control.outcome(setup, wanted).outcome.startswith("missing: "), (name, family)


CHOICES = ROOT / "workflow" / "studies" / "choose.yaml"
LEAST = "to one family doses that choose by log_det, least_diverse and random"


def test_the_study_of_chosen_images_can_decide_the_claim_that_it_is_made_for() -> None:
    config = load(ROOT / "config.yaml", CHOICES)
    assert "C10" in undecidable.asked(config) and "C10" not in undecidable.claims(config)


CHOICE_CHANGES: list[tuple[str, Any, str]] = [
    ("diversity/embeddings", [], "efficientnet-lite0 to diversity.embeddings"),
    ("study/families", ["synthetic_add"], "real_add to study.families"),
    ("study/seeds", [0], "seeds to study.seeds"),
    ("data/digits/ood", {}, "a set to data.digits.ood"),
    ("families/synthetic_add/doses/*/gate", "none", LEAST),
    ("families/synthetic_add/doses/*/pool", None, LEAST),
]


@pytest.mark.parametrize(("key", "value", "thing"), CHOICE_CHANGES)
def test_what_the_claim_of_chosen_images_lacks_is_asked_for(key: str, value: Any, thing: str) -> None:
    config = copy.deepcopy(dict(load(ROOT / "config.yaml", CHOICES)))
    *parents, last = key.split("/")
    if "*" in parents:
        for name, dose in config["families"]["synthetic_add"]["doses"].items():
            if value is not None or name.startswith("random"):
                dose[last] = value or 0.5
    else:
        block = config
        for parent in parents:
            block = block[parent]
        block[last] = value
    found = undecidable.claims(config)
    assert any(each.startswith(thing) for each in found["C10"]), found["C10"]
    assert any(line.startswith("C10 Of images that are equally right") for line in undecidable.told(config))


POLICIES = ROOT / "workflow" / "studies" / "policies.yaml"


@pytest.mark.parametrize(
    ("key", "value", "thing"),
    [
        ("diversity/embeddings", [], "a pre-trained backbone to diversity.embeddings"),
        ("study/families", ["augment"], "real_add to study.families"),
        ("study/seeds", [0, 1, 2], "seeds to study.seeds (it has 3, 4 are needed)"),
        ("data/digits/ood", {}, "a set to data.digits.ood"),
    ],
)
def test_what_the_claim_of_policies_lacks_is_asked_for(key: str, value: Any, thing: str) -> None:
    config = copy.deepcopy(dict(load(ROOT / "config.yaml", POLICIES)))
    assert "C11" in undecidable.asked(config) and "C11" not in undecidable.claims(config)
    block, (*parents, last) = config, key.split("/")
    for parent in parents:
        block = block[parent]
    block[last] = value
    assert any(each.startswith(thing) for each in undecidable.claims(config)["C11"])


def test_a_study_that_chooses_nothing_is_not_asked_what_the_claim_of_chosen_images_needs(whole: Config) -> None:
    assert undecidable.asked(whole) == list(CLAIMS)


@pytest.mark.parametrize(("pool", "decided"), [(8, False), (9, True), (12, True)])
def test_a_small_baseline_leaves_claims_undecided_for_n(pool: int, decided: bool) -> None:
    made = next(setups(tables(truth("dropout", seeds=3, pool=pool)), ("log_norm", "entropy")))
    row = table.of_setup(made, options(metrics=["log_norm", "entropy"], draws=99), ["C3"])[0][0]
    few = f"n: the baseline has {pool} runs, and claims need 9."
    assert (row.reason == few) != decided and (row.verdict != "undecided") == decided
    assert table.least_pool(20) == 12


@pytest.mark.parametrize("name", ["paper"])
def test_a_study_that_asks_claims_has_what_they_need(name: str) -> None:
    config = load(ROOT / "config.yaml", ROOT / "workflow" / "studies" / f"{name}.yaml")
    assert undecidable.told(config) == []


@pytest.mark.parametrize("name", [None, "paper", "answer"])
def test_the_dropout_that_claims_of_hidden_layers_compare_acts_inside_the_network(name: str | None) -> None:
    config = load(ROOT / "config.yaml", ROOT / "workflow" / "studies" / f"{name}.yaml" if name else None)
    strongest = max(config["families"]["dropout"]["doses"].values(), key=lambda dose: dose["head"])
    assert strongest["path"] > 0
