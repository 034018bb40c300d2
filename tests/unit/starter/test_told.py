"""The text of `init` about a study says what the study has."""

from weightscape.starter import draft, estimate, scale, told
from weightscape.starter.data_set import DataSet
from weightscape.study.doses import seeds
from weightscape.study.study import conditions

DATA = DataSet(
    "set",
    {"source": "torchvision", "name": "CIFAR10", "parts": {"train": "train", "test": "test"}},
    4,
    {"train": 5000},
    0.25,
)


def test_the_runs_of_all_networks_and_what_each_claim_states_are_told() -> None:
    wishes = draft.Wishes("mine", False, "none", draft.WHEEL, True, False)
    config = estimate.merged(draft.config_of(DATA, None, wishes, next(iter(scale.sizes(DATA, 64)))))
    runs = sum(len(seeds(config, family)) for family, _ in conditions(config))
    said = told.outcome(config, 5.0, 30.0, "2 cores")
    assert len(config["study"]["backbones"]) == 2
    assert "  C1 Diversity shifts the spectra with the sign that regularisers do." in said
    assert said[-2].startswith("  C7 Real and synthetic together") and said[-1].startswith("  C8 The weighted Vendi")
    assert f"{2 * runs} runs of {len(conditions(config))} conditions, about 5 minutes here (2 cores)" in said
