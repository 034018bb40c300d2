"""The settings of each stage's jobs, from the config: exactly the keys that the stage uses.

So a job is stale only when one of *its* settings changed (DESIGN 5). The user's files count by their content.
"""

import functools
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from weightscape.assemble.diversity_settings import MeasureDiversitySettings
from weightscape.assemble.embed_settings import EmbedSettings
from weightscape.assemble.settings import UNCHANGED, AssembleSettings
from weightscape.diversity.settings import DiversitySettings
from weightscape.errors import UserError
from weightscape.finetune.curvature_settings import CurvatureSettings, Measure
from weightscape.finetune.evaluation import EvaluateSettings, Evaluation
from weightscape.finetune.kept_weights import DropSettings
from weightscape.finetune.penalty_settings import Decay, PenaltySettings, Perturbation
from weightscape.finetune.penalty_settings import Measure as PenaltyMeasure
from weightscape.finetune.settings import Action, Condition, FinetuneSettings
from weightscape.formats.typed import from_json, to_json
from weightscape.metrics import table_schema
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.tables.outline import Condition as Numbered
from weightscape.metrics.tables.outline import Outline
from weightscape.networks.settings import NetworkSettings
from weightscape.published.settings import ReanalyseSettings
from weightscape.published.settings import options as options_of_tables
from weightscape.report.settings import ReportSettings
from weightscape.spectra.settings import SpectraSettings
from weightscape.study import Config, assets, doses, image_settings, seen_corruptions, study
from weightscape.study.config import default_config, differences


def settings(config: Config, stage: str, wildcards: Mapping[str, str]) -> dict[str, Any]:
    """The settings of one job of `stage` as a JSON object, from those of its wildcards that matter to it."""
    names = wildcards_of(stage)
    for name in names:
        if name not in wildcards:
            raise UserError(f"stage {stage} needs the {name} of the job: add --{name}")
    chosen = STAGES[stage](config, *(wildcards[name] for name in names))
    return to_json(from_json(type(chosen), to_json(chosen)))  # as the stage records them: 1 is 1.0 where it is a float


@functools.cache
def wildcards_of(stage: str) -> tuple[str, ...]:
    """The wildcards that the settings of a stage's jobs depend on."""
    return tuple(inspect.signature(STAGES[stage]).parameters)[1:]


def _assemble_real(config: Config) -> AssembleSettings:
    return AssembleSettings(UNCHANGED, seed=0)


def _assemble(config: Config, dataset: str, family: str, dose: str, seed: str) -> AssembleSettings:
    return AssembleSettings(
        doses.item_change(config, family, dose),
        study.named_seed(config, "assemble", dataset, family, dose, int(seed)),
    )


def _measure_diversity(config: Config, dataset: str, family: str, dose: str) -> MeasureDiversitySettings:
    asked = doses.action(config, family, dose)
    measures = {key: value for key, value in config["diversity"].items() if key != "embeddings"}
    return MeasureDiversitySettings(
        operations=asked.operations,
        noise=asked.noise,
        adds=doses.item_change(config, family, dose).kind == "add",
        measures=from_json(DiversitySettings, measures, "diversity"),
        spaces={name: _network(config, name) for name in study.embeddings(config)},
        seeds={
            str(label): study.named_seed(config, "measure_diversity", dataset, family, dose, label)
            for label in doses.seeds(config, family)
        },
    )


def _embed(config: Config, backbone: str) -> EmbedSettings:
    block = config["diversity"]
    return EmbedSettings(_network(config, backbone), block["reference_rows"], block["common_rows"])


def _network(config: Config, backbone: str) -> NetworkSettings:
    block = config["backbones"][backbone]
    return from_json(NetworkSettings, {key: block[key] for key in ("model", "input")}, f"backbones.{backbone}")


def _finetune(config: Config, dataset: str, backbone: str, family: str, dose: str, seed: str) -> FinetuneSettings:
    block = config["backbones"][backbone]
    return FinetuneSettings(
        condition=Condition(dataset, backbone, family, dose, int(seed)),
        network=_network(config, backbone),
        batch_norm_momentum=block["batch_norm_momentum"],
        precision=block["precision"],
        compile=block["compile"],
        training=doses.training(config, backbone, family, dose),
        action=doses.action(config, family, dose, backbone),
        seed=study.named_seed(config, "finetune", dataset, backbone, family, dose, int(seed)),
    )


def _evaluate(config: Config, dataset: str, backbone: str) -> EvaluateSettings:
    return EvaluateSettings(
        backbone,
        _network(config, backbone),
        from_json(Evaluation, config["evaluate"], "evaluate"),
        study.named_seed(config, "evaluate", dataset),
    )


def _curvature(config: Config, dataset: str, backbone: str) -> CurvatureSettings:
    block = {key: value for key, value in config["curvature"].items() if key != "families"}
    return CurvatureSettings(
        backbone,
        _network(config, backbone),
        from_json(Measure, block, "curvature"),
        study.named_seed(config, "curvature", dataset),
    )


def _penalties(config: Config, dataset: str, backbone: str) -> PenaltySettings:
    block = {key: value for key, value in config["penalties"].items() if key != "families"}
    return PenaltySettings(
        backbone,
        _network(config, backbone),
        from_json(PenaltyMeasure, block, "penalties"),
        {
            family: _perturbation(doses.action(config, family, dose, backbone))
            for family, dose in study.penalties(config).items()
        },
        study.named_seed(config, "penalties", dataset),
    )


def _perturbation(action: Action) -> Perturbation:
    decay = action.weight_decay
    return Perturbation(
        action.operations,
        action.noise,
        {place: rate for place, rate in action.dropout.items() if rate > 0},
        Decay(decay.decay, decay.head, decay.norms) if decay.decay > 0 else None,
    )


def _drop_weights(config: Config, family: str) -> DropSettings:
    seeds = tuple(doses.seeds(config, family))
    return DropSettings({"all": seeds, "seed0": seeds[:1], "none": ()}[config["study"]["keep_weights"]])


def _spectra(config: Config) -> SpectraSettings:
    return from_json(SpectraSettings, config["spectra"] | {"seed": study.named_seed(config, "spectra")})


def _aggregate(config: Config) -> Outline:
    chosen, datasets = config["study"], config["study"]["datasets"]
    conditions = tuple(
        Numbered(family, dose, doses.dose_number(config, family, dose)) for family, dose in study.conditions(config)
    )
    return Outline(
        datasets=datasets,
        backbones=chosen["backbones"],
        seeds=chosen["seeds"],
        baseline_runs=chosen["baseline_runs"],
        conditions=conditions,
        measured=tuple(row for row in conditions if study.measures_diversity(config, row.family)),
        splits={dataset: tuple(study.evaluated_splits(config, dataset)) for dataset in datasets},
        read={dataset: tuple(study.read_splits(config, dataset)) for dataset in datasets},
        curved=tuple(sorted(name for name in study.families(config) if study.measures_curvature(config, name))),
        penalised=tuple(sorted(name for name in study.families(config) if study.measures_penalties(config, name))),
        penalties=study.penalties(config),
        calibration_bins=config["evaluate"]["calibration_bins"],
        seen={dataset: seen_corruptions.by_condition(config, dataset) for dataset in datasets},
        severity={dataset: seen_corruptions.severities(config, dataset) for dataset in datasets},
        generator=config["generate"]["name"] if study.uses_generator(config) else None,
    )


def _analyse(config: Config) -> Options:
    backbones = config["study"]["backbones"]
    return Options(
        **config["analyse"],
        coarse=tuple(study.coarsely_generated(config)),
        scratch=tuple(name for name in backbones if config["backbones"][name]["weights"] == "none"),
        seed=study.named_seed(config, "analyse"),
        further=doses.further_images(config),
    )


def _reanalyse(config: Config) -> ReanalyseSettings:
    return ReanalyseSettings(config["reanalyse"]["conditions"], options_of_tables(config["analyse"]))


@dataclass(frozen=True)
class FigureSettings:
    """A figure is told by the name of its job, and has no settings."""


def _figure(_: Config) -> FigureSettings:
    return FigureSettings()


def offered() -> tuple[tuple[str, str], ...]:
    """The tables of a study that its page offers, each with the sentence on its rows."""
    rules = [rule for rule in table_schema.schema().values() if set(rule.made_by) != {"reanalyse"}]
    return tuple((rule.file, rule.about) for rule in rules if rule.csv and rule.page)


def _report(config: Config) -> ReportSettings:
    default = default_config()
    return ReportSettings(
        title=config["study"]["name"],
        figures=tuple(config["figures"]),
        tables=offered(),
        config=dict(config),
        differences=None if default is None else tuple(map(tuple, differences(config, default))),
    )


STAGES = {
    "fetch": assets.settings,
    "data": image_settings.data,
    "corrupt": image_settings.corrupt,
    "backbone": image_settings.backbone,
    "train_generator": image_settings.train_generator,
    "generate": image_settings.generate,
    "train_judge": image_settings.train_judge,
    "measure_quality": image_settings.measure_quality,
    "assemble_real": _assemble_real,
    "assemble": _assemble,
    "embed": _embed,
    "measure_diversity": _measure_diversity,
    "finetune": _finetune,
    "evaluate": _evaluate,
    "evaluate_pool": _evaluate,
    "curvature": _curvature,
    "curvature_pool": _curvature,
    "penalties": _penalties,
    "penalties_pool": _penalties,
    "drop_weights": _drop_weights,
    "spectra_before": _spectra,
    "spectra": _spectra,
    "aggregate": _aggregate,
    "analyse": _analyse,
    "reanalyse": _reanalyse,
    "figure": _figure,
    "report": _report,
}
"""The function that gives a stage's settings, by rule; its parameters after the config are wildcards of the rule."""
