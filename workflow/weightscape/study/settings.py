"""The settings of each stage's jobs, from the config: exactly the keys that the stage uses.

So a job is stale only when one of *its* settings changed (DESIGN 5). The user's files count by their content.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass
from typing import Any

from weightscape import families
from weightscape.errors import UserError
from weightscape.families import BASELINE
from weightscape.formats.typed import from_json, to_json
from weightscape.metrics.analysis.settings import Options
from weightscape.published.settings import ReanalyseSettings
from weightscape.published.settings import options as options_of_tables
from weightscape.seeds import seed
from weightscape.spectra.settings import SpectraSettings
from weightscape.study import corruptions, image_settings, study
from weightscape.study.differences import LEAVE, default_config, differences
from weightscape.study.doses import Config, action, dose_number, dose_values, training


def settings(config: Config, stage: str, wildcards: Mapping[str, str]) -> dict[str, Any]:
    """The settings of one job of `stage` as a JSON object, from those of its wildcards that matter to it."""
    names = STAGES[stage].wildcards
    for name in names:
        if name not in wildcards:
            raise UserError(f"stage {stage} needs the {name} of the job: add --{name}")
    chosen = STAGES[stage].settings(config, *(wildcards[name] for name in names))
    if not is_dataclass(chosen):
        return chosen
    return to_json(from_json(type(chosen), to_json(chosen)))  # as the stage records them: 1 is 1.0 where it is a float


def wildcards_of(stage: str) -> tuple[str, ...]:
    """The wildcards that the settings of a stage's jobs depend on."""
    return STAGES[stage].wildcards


def _assemble_real(config: Config) -> dict[str, Any]:
    return {"family": "real", "dose": BASELINE, "values": {}, "seed": 0}


def _assemble(config: Config, dataset: str, family: str, dose: str, replicate: str) -> dict[str, Any]:
    return {
        "family": family,
        "dose": dose,
        "values": dose_values(config, family, dose),
        "seed": seed(config["study"]["seed"], "assemble", dataset, family, dose, int(replicate)),
    }


def _measure_diversity(config: Config, dataset: str, family: str, dose: str) -> dict[str, Any]:
    act = action(config, family, dose)
    return {
        "operations": act["operations"],
        "noise": act["noise"],
        "adds": families.FAMILIES[family].items == "add" and dose != BASELINE,
        "measures": {key: value for key, value in config["diversity"].items() if key != "embeddings"},
        "spaces": {
            name: {key: config["backbones"][name][key] for key in ("model", "input")}
            for name in study.embeddings(config)
        },
        "seeds": {
            str(label): seed(config["study"]["seed"], "measure_diversity", dataset, family, dose, label)
            for label in config["study"]["seeds"]
        },
    }


def _finetune(config: Config, dataset: str, backbone: str, family: str, dose: str, replicate: str) -> dict[str, Any]:
    block = config["backbones"][backbone]
    return {
        "backbone": backbone,
        **{key: block[key] for key in ("model", "input", "batch_norm_momentum")},
        "training": training(config, family, dose) | {key: block[key] for key in ("precision", "compile")},
        "action": action(config, family, dose, backbone),
        "condition": {"dataset": dataset, "family": family, "dose": dose, "seed": int(replicate)},
        "seed": seed(config["study"]["seed"], "finetune", dataset, backbone, family, dose, int(replicate)),
    }


def _evaluate(config: Config, dataset: str, backbone: str) -> dict[str, Any]:
    block = config["backbones"][backbone]
    return {
        "backbone": backbone,
        **{key: block[key] for key in ("model", "input")},
        "evaluate": config["evaluate"],
        "seed": seed(config["study"]["seed"], "evaluate", dataset),
    }


def _curvature(config: Config, dataset: str, backbone: str) -> dict[str, Any]:
    block = config["backbones"][backbone]
    return {
        "backbone": backbone,
        **{key: block[key] for key in ("model", "input")},
        "curvature": {key: value for key, value in config["curvature"].items() if key != "families"},
        "seed": seed(config["study"]["seed"], "curvature", dataset),
    }


def _spectra(config: Config) -> SpectraSettings:
    return from_json(SpectraSettings, config["spectra"] | {"seed": seed(config["study"]["seed"], "spectra")})


def _aggregate(config: Config) -> dict[str, Any]:
    chosen = config["study"]
    return {
        "datasets": chosen["datasets"],
        "backbones": chosen["backbones"],
        "seeds": chosen["seeds"],
        "conditions": [
            {"family": family, "dose": dose, "number": dose_number(config, family, dose)}
            for family, dose in study.conditions(config)
        ],
        "measured": [
            {"family": family, "dose": dose, "number": dose_number(config, family, dose)}
            for family, dose in study.conditions(config)
            if family in families.DIVERSITY_FAMILIES
        ],
        "splits": {dataset: study.evaluated_splits(config, dataset) for dataset in chosen["datasets"]},
        "curved": sorted({family for family, _ in study.curved_conditions(config)}),
        "calibration_bins": config["evaluate"]["calibration_bins"],
        "seen": {dataset: corruptions.seen_corruptions(config, dataset) for dataset in chosen["datasets"]},
        "severity": {dataset: corruptions.severities(config, dataset) for dataset in chosen["datasets"]},
        "generator": config["generate"]["name"] if study.uses_generator(config) else None,
    }


def _analyse(config: Config) -> Options:
    backbones = config["study"]["backbones"]
    return Options(
        **config["analyse"],
        coarse=tuple(study.coarsely_generated(config)),
        scratch=tuple(name for name in backbones if config["backbones"][name]["weights"] == "none"),
        seed=seed(config["study"]["seed"], "analyse"),
    )


def _reanalyse(config: Config) -> ReanalyseSettings:
    return ReanalyseSettings(config["reanalyse"]["conditions"], options_of_tables(config["analyse"]))


def _report(config: Config) -> dict[str, Any]:
    return {
        "title": config["study"]["name"],
        "figures": list(config["figures"]),
        "config": {k: v for k, v in config.items() if k != LEAVE},
        "differences": differences(config, default) if (default := default_config()) else None,
    }


@dataclass(frozen=True)
class Stage:
    """The wildcards that the settings of a stage's jobs depend on, and the function of the config and their values."""

    wildcards: tuple[str, ...]
    settings: Callable[..., Any]


CONDITION = ("dataset", "family", "dose")

STAGES = {
    "data": Stage(("dataset", "split"), image_settings.data),
    "corrupt": Stage(("dataset", "split"), image_settings.corrupt),
    "backbone": Stage(("backbone",), image_settings.backbone),
    "train_generator": Stage(("dataset", "generator"), image_settings.train_generator),
    "generate": Stage(("dataset", "generator", "recipe", "shard"), image_settings.generate),
    "train_judge": Stage(("dataset",), image_settings.train_judge),
    "measure_quality": Stage(("dataset", "generator"), image_settings.measure_quality),
    "assemble_real": Stage((), _assemble_real),
    "assemble": Stage((*CONDITION, "seed"), _assemble),
    "measure_diversity": Stage(CONDITION, _measure_diversity),
    "finetune": Stage(("dataset", "backbone", "family", "dose", "seed"), _finetune),
    "evaluate": Stage(("dataset", "backbone"), _evaluate),
    "curvature": Stage(("dataset", "backbone"), _curvature),
    "spectra_before": Stage((), _spectra),
    "spectra": Stage((), _spectra),
    "aggregate": Stage((), _aggregate),
    "analyse": Stage((), _analyse),
    "reanalyse": Stage((), _reanalyse),
    "report": Stage((), _report),
}
