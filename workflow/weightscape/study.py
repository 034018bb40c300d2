"""A study: the config, checked, and what follows from it (conditions, runs, each stage's slice of the settings).

Pure functions of the config; the only module that knows its layout. Each stage gets exactly the keys that it uses,
as one JSON object, so that a job is stale only when one of *its* settings changed.
"""

import functools
import inspect
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weightscape.errors import UserError
from weightscape.seeds import seed

SCHEMA = Path(__file__).parents[1] / "schemas" / "config.schema.yaml"
FIGURES = Path(__file__).parent / "figures"
BASELINE = "baseline"
RESERVED = ("backbones", "before")
"""Names of folders beside those of the data sets."""

DIVERSITY_FAMILIES = ("augment", "noise", "synthetic_add", "synthetic_replace")
"""Families that change how diverse the images are that the network sees."""

DATA_FAMILIES = ("synthetic_add", "synthetic_replace", "label_noise")
"""Families whose item list differs from the real training set; all others share that one list."""

Config = Mapping[str, Any]


@dataclass(frozen=True, order=True)
class Run:
    """One fine-tuned network."""

    dataset: str
    backbone: str
    family: str
    dose: str
    seed: int

    @property
    def path(self) -> str:
        """The run's folder below a stage's folder."""
        return f"{self.dataset}/{self.backbone}/{self.family}/{self.dose}/seed{self.seed}"


def checked(config: Config) -> dict[str, Any]:
    """The config if it fits the schema and refers only to what it defines; else a `UserError` of one sentence."""
    errors = sorted(_validator().iter_errors(json.loads(json.dumps(config))), key=_depth)
    if errors:
        raise UserError(f"config: {_sentence(errors[0])}")
    _check_references(config)
    return dict(config)


@functools.cache
def _validator() -> Any:
    import jsonschema
    import yaml

    return jsonschema.Draft202012Validator(yaml.safe_load(SCHEMA.read_text()))


def _depth(error: Any) -> tuple[int, int]:
    """Unknown keys and bad names first (a misspelt key also misses its right name), then the innermost fault."""
    return (error.validator not in ("additionalProperties", "pattern"), -len(error.absolute_path))


def _sentence(error: Any) -> str:
    """One sentence for a fault that jsonschema found: the key, its value, what is allowed."""
    import difflib

    at = ".".join(str(part) for part in error.absolute_path)
    where = at or "the top level"
    if error.validator == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        unknown = sorted(set(error.instance) - set(known))
        if known and unknown:
            near = difflib.get_close_matches(unknown[0], known, 1, 0.6)
            hint = f"did you mean {near[0]!r}?" if near else f"allowed: {', '.join(known)}"
            return f"unknown key {unknown[0]!r} in {where}; {hint}"
    if error.validator == "pattern":
        allowed = "lower-case letters, digits, dots and dashes"
        return f"{where} has the name {error.instance!r}; allowed are {allowed} (it is used in paths)"
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in error.instance)
        return f"key {missing!r} is missing in {where}; add it (config.yaml shows every key)"
    if error.validator == "oneOf" and error.context:
        return _sentence(min(_intended(error), key=_depth))
    if isinstance(error.instance, str) and error.validator == "type" and _is_number(error.instance):
        return f"{where} = {error.instance!r} is text in YAML; write a number with a dot, as 1.0e-5"
    text = error.message if len(error.message) < 200 else error.message[:200] + " ..."
    description = error.schema.get("description", "") if isinstance(error.schema, dict) else ""
    return f"{where} = {text}" + (f" ({description})" if description else "")


def _intended(error: Any) -> list[Any]:
    """The faults in the alternative that the instance names by its constant keys; all faults if it names none."""
    branches: dict[int, list[Any]] = {}
    for fault in error.context:
        branches.setdefault(fault.schema_path[0], []).append(fault)
    named = [faults for faults in branches.values() if not any(fault.validator == "const" for fault in faults)]
    return named[0] if named else error.context


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check_references(config: Config) -> None:
    """Names in `study` must be defined, doses must not be called as the baseline, splits must be there."""
    study, training = config["study"], config["finetune"]
    if training["checkpoint_every"] % training["history_every"]:
        raise UserError(
            f"config: finetune.checkpoint_every = {training['checkpoint_every']} must be a multiple of "
            f"finetune.history_every = {training['history_every']}"
        )
    for key, block in (("datasets", "data"), ("backbones", "backbones"), ("families", "families")):
        for name in study[key]:
            if name not in config[block]:
                known = ", ".join(sorted(config[block]))
                raise UserError(f"config: study.{key} names {name!r}, which {block} does not define; known: {known}")
    for family in study["families"]:
        _check_family(config, family)
    if config["generate"]["name"] == "judge":
        raise UserError("config: generate.name = 'judge' is a folder beside the generator's; choose another")
    for name in config["figures"]:
        if not (FIGURES / f"{name}.py").is_file():
            raise UserError(f"config: figures names {name!r}, which {FIGURES.name}/ does not define")
    for dataset in study["datasets"]:
        if dataset in RESERVED:
            raise UserError(f"config: data.{dataset} has a name that the folders use; choose another")
        for name, ood in config["data"][dataset]["ood"].items():
            if name in ("train", "val", "test", "extra"):
                raise UserError(f"config: data.{dataset}.ood.{name} has the name of a split; choose another")
            _check_images(config, dataset, name, ood)


def _check_family(config: Config, family: str) -> None:
    block = config["families"][family]
    for dose, values in block["doses"].items():
        if dose == BASELINE:
            raise UserError(f"config: families.{family}.doses.{dose}: {BASELINE!r} is every family's neutral dose")
        if not isinstance(values.get(block["axis"]), int | float):
            numbers = ", ".join(key for key, value in values.items() if isinstance(value, int | float))
            raise UserError(
                f"config: families.{family}.axis = {block['axis']!r} is no number of dose {dose!r}; "
                f"choose from {numbers}"
            )
        if "guidance" in values and float(values["guidance"]) not in guidances(config):
            allowed = ", ".join(map(str, guidances(config)))
            raise UserError(
                f"config: families.{family}.doses.{dose}.guidance = {values['guidance']} is not generated; "
                f"generate.guidances has the scales {allowed}"
            )


def _check_images(config: Config, dataset: str, name: str, ood: Config) -> None:
    """A corruption cannot use more images than the test split has."""
    have = config["data"][dataset]["splits"]["test"]
    if ood["source"] == "corruption" and ood["images"] > have:
        raise UserError(f"config: data.{dataset}.ood.{name}.images = {ood['images']}, but the test split has {have}")


# --- what a study consists of -----------------------------------------------------------------------------------


def doses(config: Config, family: str) -> list[str]:
    """The doses of a family, the baseline first."""
    return [BASELINE, *config["families"][family]["doses"]]


def conditions(config: Config) -> list[tuple[str, str]]:
    """All (family, dose) of the study, in the order of the config."""
    return [(family, dose) for family in config["study"]["families"] for dose in doses(config, family)]


def runs(config: Config) -> Iterator[Run]:
    """All runs of the study."""
    study = config["study"]
    for dataset, backbone, (family, dose), replicate in itertools.product(
        study["datasets"], study["backbones"], conditions(config), study["seeds"]
    ):
        yield Run(dataset, backbone, family, dose, replicate)


def splits(config: Config, dataset: str) -> list[str]:
    """All splits of a data set: train, val, test, extra, and ood-{name}."""
    block = config["data"][dataset]
    return [*block["splits"], *(f"ood-{name}" for name in block["ood"])]


def evaluated_splits(config: Config, dataset: str) -> list[str]:
    """The splits that every run is evaluated on."""
    return ["val", "test", *(f"ood-{name}" for name in config["data"][dataset]["ood"])]


def alters_items(family: str, dose: str) -> bool:
    """Whether a condition trains on another item list than the real training set."""
    return family in DATA_FAMILIES and dose != BASELINE


def dose_values(config: Config, family: str, dose: str) -> dict[str, Any]:
    """The typed values of a dose; empty for the baseline."""
    return {} if dose == BASELINE else dict(config["families"][family]["doses"][dose])


def dose_number(config: Config, family: str, dose: str) -> float:
    """The number by which a family's doses are ordered and plotted; 0 for the baseline."""
    return 0.0 if dose == BASELINE else float(dose_values(config, family, dose)[config["families"][family]["axis"]])


# --- each stage's slice of the settings --------------------------------------------------------------------------


def settings(config: Config, stage: str, wildcards: Mapping[str, str]) -> dict[str, Any]:
    """The settings of one job of `stage`, from those of its wildcards that matter to it."""
    part = SLICES[stage]
    names = {"replicate" if name == "seed" else name: value for name, value in wildcards.items()}
    return part(config, **{name: names[name] for name in inspect.signature(part).parameters if name in names})


def results_folder(config: Config, default: Path) -> str:
    """`results` for the study that the file `default` names, `results/studies/{name}` for every other."""
    import yaml

    own = yaml.safe_load(default.read_text())["study"]["name"]
    name = config["study"]["name"]
    return "results" if name == own else f"results/studies/{name}"


def is_corruption(config: Config, dataset: str, split: str) -> bool:
    """Whether a split is made from the clean test images."""
    ood = config["data"][dataset]["ood"].get(split.removeprefix("ood-"), {})
    return split.startswith("ood-") and ood.get("source") == "corruption"


def needs_generator(family: str, dose: str) -> bool:
    """Whether a condition trains on synthetic images."""
    return family in ("synthetic_add", "synthetic_replace") and dose != BASELINE


def uses_generator(config: Config) -> bool:
    """Whether any condition of the study trains on synthetic images."""
    return any(needs_generator(family, dose) for family, dose in conditions(config))


def guidances(config: Config) -> list[float]:
    """The guidance scales at which images are generated."""
    return [float(guidance["scale"]) for guidance in config["generate"]["guidances"]]


def _root(config: Config) -> int:
    return config["study"]["seed"]


def _data(config: Config, dataset: str, split: str) -> dict[str, Any]:
    block = config["data"][dataset]
    common = {"dataset": dataset, "split": split, "shards": config["study"]["shards"]}
    if split.startswith("ood-"):
        name = split.removeprefix("ood-")
        return common | {"ood": block["ood"][name], "seed": seed(_root(config), "data", dataset, split)}
    return common | {
        "source": block["source"],
        "splits": block["splits"],
        "seed": seed(_root(config), "data", dataset),
    }


def _backbone(config: Config, backbone: str) -> dict[str, Any]:
    block = config["backbones"][backbone]
    return {"backbone": backbone, **{key: block[key] for key in ("model", "weights")}}


def _train_generator(config: Config, dataset: str, generator: str) -> dict[str, Any]:
    return {
        "model": config["generate"]["model"],
        "training": config["generate"]["training"],
        "seed": seed(_root(config), "train_generator", dataset, generator),
    }


def _generate(config: Config, dataset: str, generator: str, guidance: str, shard: str) -> dict[str, Any]:
    block = config["generate"]
    scale = float(guidance)
    per_class = next(g["images_per_class"] for g in block["guidances"] if float(g["scale"]) == scale)
    first, last = (round(per_class * (int(shard) + k) / block["shards"]) for k in (0, 1))
    return {
        "generator": generator,
        "model": block["model"],
        "sampling": block["sampling"],
        "guidance": scale,
        "indices": [first, last],
        "seed": seed(_root(config), "generate", dataset, generator),
    }


def _train_judge(config: Config, dataset: str) -> dict[str, Any]:
    return {"judge": config["generate"]["judge"], "seed": seed(_root(config), "train_judge", dataset)}


def _measure_quality(config: Config, dataset: str, generator: str) -> dict[str, Any]:
    return {
        "quality": config["generate"]["quality"],
        "seed": seed(_root(config), "measure_quality", dataset, generator),
    }


def _assemble_real(config: Config, dataset: str) -> dict[str, Any]:
    return {"family": "real", "dose": BASELINE, "values": {}, "seed": 0}


def _assemble(config: Config, dataset: str, family: str, dose: str, replicate: str) -> dict[str, Any]:
    return {
        "family": family,
        "dose": dose,
        "values": dose_values(config, family, dose),
        "seed": seed(_root(config), "assemble", dataset, family, dose, int(replicate)),
    }


def action(config: Config, family: str, dose: str) -> dict[str, Any]:
    """What a condition does at training time, with neutral values for all that it leaves alone."""
    values = dose_values(config, family, dose)
    return {
        "operations": values.get("operations", []) if family == "augment" else [],
        "noise": values["sigma"] if family == "noise" and values else 0.0,
        "dropout": {place: values.get(place, 0.0) for place in ("head", "path")}
        if family == "dropout"
        else {"head": 0.0, "path": 0.0},
        "weight_decay": {"decay": values["decay"], "coupled": values["coupled"]}
        if family == "weight_decay" and values
        else {"decay": 0.0, "coupled": False},
    }


def _measure_diversity(config: Config, dataset: str, family: str, dose: str) -> dict[str, Any]:
    act = action(config, family, dose)
    return {
        "operations": act["operations"],
        "noise": act["noise"],
        "adds": family.endswith("_add"),
        "measures": config["diversity"],
        "spaces": {
            name: {key: config["backbones"][name][key] for key in ("model", "input")}
            for name in config["study"]["backbones"]
        },
        "seeds": {
            str(label): seed(_root(config), "measure_diversity", dataset, family, dose, label)
            for label in config["study"]["seeds"]
        },
    }


def _finetune(config: Config, dataset: str, backbone: str, family: str, dose: str, replicate: str) -> dict[str, Any]:
    block = config["backbones"][backbone]
    return {
        "backbone": backbone,
        **{key: block[key] for key in ("model", "input", "batch_norm_momentum")},
        "training": config["finetune"],
        "action": action(config, family, dose),
        "condition": {"dataset": dataset, "family": family, "dose": dose, "seed": int(replicate)},
        "seed": seed(_root(config), "finetune", dataset, backbone, family, dose, int(replicate)),
    }


def _evaluate(config: Config, dataset: str, backbone: str) -> dict[str, Any]:
    block = config["backbones"][backbone]
    return {
        "backbone": backbone,
        **{key: block[key] for key in ("model", "input")},
        "evaluate": config["evaluate"],
    }


def _spectra(config: Config) -> dict[str, Any]:
    return {"spectra": config["spectra"], "seed": seed(_root(config), "spectra")}


def _aggregate(config: Config) -> dict[str, Any]:
    study = config["study"]
    return {
        "datasets": study["datasets"],
        "backbones": study["backbones"],
        "seeds": study["seeds"],
        "conditions": [
            {"family": family, "dose": dose, "number": dose_number(config, family, dose)}
            for family, dose in conditions(config)
        ],
        "measured": [
            {"family": family, "dose": dose, "number": dose_number(config, family, dose)}
            for family, dose in conditions(config)
            if family in DIVERSITY_FAMILIES
        ],
        "splits": {dataset: evaluated_splits(config, dataset) for dataset in study["datasets"]},
        "generator": config["generate"]["name"] if uses_generator(config) else None,
    }


def _analyse(config: Config) -> dict[str, Any]:
    return {"analyse": config["analyse"]}


def _report(config: Config) -> dict[str, Any]:
    return {"title": config["study"]["name"], "figures": list(config["figures"]), "config": config}


SLICES = {
    "data": _data,
    "backbone": _backbone,
    "train_generator": _train_generator,
    "generate": _generate,
    "train_judge": _train_judge,
    "measure_quality": _measure_quality,
    "assemble_real": _assemble_real,
    "assemble": _assemble,
    "measure_diversity": _measure_diversity,
    "finetune": _finetune,
    "evaluate": _evaluate,
    "spectra_before": _spectra,
    "spectra": _spectra,
    "aggregate": _aggregate,
    "analyse": _analyse,
    "report": _report,
}
