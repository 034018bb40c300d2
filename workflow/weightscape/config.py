"""The config of a study, checked before the first job: against the closed schema, and for names that must fit."""

import difflib
import functools
import json
from pathlib import Path
from typing import Any

from weightscape import amounts, interventions, own_files, recipes, study
from weightscape.datasets import torchvision_names
from weightscape.errors import UserError
from weightscape.files import read_yaml
from weightscape.spectra.columns import OURS, WATCHER
from weightscape.study import Config

SCHEMA = Path(__file__).parents[1] / "schemas" / "config.schema.yaml"
FIGURES = Path(__file__).parent / "figures"
CAPTIONS = Path(__file__).parents[1] / "report" / "captions"
DEFAULT = Path(__file__).parents[2] / "config.yaml"
MEASURED = (*WATCHER, *OURS)
"""Columns of the spectra whose change may be an effect."""
RESERVED = ("backbones", "before", "fetched")
"""Names of folders beside those of the data sets."""


def checked(config: Config) -> dict[str, Any]:
    """The config if it fits the schema and refers only to what it defines; else a `UserError` of one sentence.

    A dose or OOD set that is null is left out: a study cannot drop a key of config.yaml otherwise.
    """
    whole = _without_nulls(config)
    if whole.get("allow_retraining") in ("true", "false"):  # as --config allow_retraining=true gives it
        whole["allow_retraining"] = whole["allow_retraining"] == "true"
    fault = fault_in(whole, SCHEMA)
    if fault:
        raise UserError(f"config: {fault}")
    _check_references(whole)
    return whole


def _without_nulls(config: Config) -> dict[str, Any]:
    """The config without the doses and OOD sets that a study sets to null."""
    try:
        whole: dict[str, Any] = json.loads(json.dumps(config, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise UserError(
            f"config: it holds a value that is no text, number, list or block of keys ({error}): mend it"
        ) from None
    for block, part in (("families", "doses"), ("data", "ood")):
        defined = whole.get(block)
        for key, one in defined.items() if isinstance(defined, dict) else ():
            if isinstance(one, dict) and isinstance(one.get(part), dict):
                left_out = [name for name, value in one[part].items() if value is None]
                _check_left_out(block, key, part, left_out)
                one[part] = {name: value for name, value in one[part].items() if value is not None}
    return whole


@functools.cache
def _default() -> dict[str, Any]:
    """config.yaml, which a study's file changes."""
    return read_yaml(DEFAULT) if DEFAULT.is_file() else {}


def _check_left_out(block: str, key: str, part: str, names: list[str]) -> None:
    """A name that is set to null must be one of config.yaml, in this family or in one that shares its doses."""
    parts = [one.get(part, {}) for one in _default().get(block, {}).values()]
    unknown = [name for name in names if parts and not any(name in each for each in parts)]
    if unknown:
        known = ", ".join(_default()[block].get(key, {}).get(part, {})) or "none"
        raise UserError(
            f"config: {block}.{key}.{part}.{unknown[0]} is null, but there is none to leave out; known: {known}"
        )


def fault_in(content: Any, schema: Path) -> str | None:
    """The first fault of JSON-like content against a schema, as one sentence; None if it fits."""
    errors = sorted(_validator(schema).iter_errors(content), key=_depth)
    return _sentence(errors[0]) if errors else None


@functools.cache
def _validator(schema: Path) -> Any:
    import jsonschema

    return jsonschema.Draft202012Validator(read_yaml(schema))


def _depth(error: Any) -> tuple[int, int]:
    """Unknown keys and bad names first (a misspelt key also misses its right name), then the innermost fault."""
    return (error.validator not in ("additionalProperties", "pattern"), -len(error.absolute_path))


def _sentence(error: Any) -> str:
    """One sentence for a fault that jsonschema found: the key, its value, what is allowed."""
    at = ".".join(str(part) for part in error.absolute_path)
    where = at or "the top level"
    if error.validator == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        unknown = sorted(set(error.instance) - set(known))
        if known and unknown:
            near = difflib.get_close_matches(unknown[0], known, 1, 0.6)
            hint = f"did you mean {near[0]!r}?" if near else f"allowed: {', '.join(known)}"
            return f"unknown key {unknown[0]!r} in {where}; {hint}"
    if error.validator == "pattern" and "a-z0-9" in error.validator_value:
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
    chosen, training = config["study"], config["finetune"]
    if training["checkpoint_every"] % training["history_every"]:
        raise UserError(
            f"config: finetune.checkpoint_every = {training['checkpoint_every']} must be a multiple of "
            f"finetune.history_every = {training['history_every']}"
        )
    for key, block in (("datasets", "data"), ("backbones", "backbones"), ("families", "families")):
        for name in chosen[key]:
            if name not in config[block]:
                known = ", ".join(sorted(config[block]))
                raise UserError(f"config: study.{key} names {name!r}, which {block} does not define; known: {known}")
    for name in config["diversity"]["embeddings"]:
        if name not in config["backbones"]:
            known = ", ".join(sorted(config["backbones"]))
            raise UserError(
                f"config: diversity.embeddings names {name!r}, which backbones does not define; known: {known}"
            )
    for name in config["curvature"]["families"]:
        if name not in config["families"]:
            known = ", ".join(sorted(config["families"]))
            raise UserError(
                f"config: curvature.families names {name!r}, which families does not define; known: {known}"
            )
    for family in chosen["families"]:
        _check_family(config, family)
    if config["analyse"]["primary"] not in config["analyse"]["metrics"]:
        known = ", ".join(config["analyse"]["metrics"])
        raise UserError(
            f"config: analyse.primary = {config['analyse']['primary']!r} is not in analyse.metrics; choose from {known}"
        )
    metrics = config["analyse"]["metrics"]
    for name in metrics:
        if name not in MEASURED:
            near = difflib.get_close_matches(name, MEASURED, 1, 0.6)
            hint = f"did you mean {near[0]!r}?" if near else "workflow/report/spectra.md lists them"
            raise UserError(f"config: analyse.metrics names {name!r}, which is no column of the spectra; {hint}")
    for name in config["analyse"]["margins"]:
        if name not in metrics:
            raise UserError(f"config: analyse.margins names {name!r}, which is not in analyse.metrics; remove it")
    if config["generate"]["name"] == "judge":
        raise UserError("config: generate.name = 'judge' is a folder beside the generator's; choose another")
    for name in config["figures"]:
        if not (FIGURES / f"{name}.py").is_file() or not (CAPTIONS / f"{name}.md").is_file():
            known = ", ".join(sorted(path.stem for path in CAPTIONS.glob("*.md")))
            raise UserError(f"config: figures names {name!r}, which {FIGURES.name}/ does not define; known: {known}")
    for dataset in chosen["datasets"]:
        if dataset in RESERVED:
            raise UserError(f"config: data.{dataset} has a name that the folders use; choose another")
        for name, ood in config["data"][dataset]["ood"].items():
            if name in ("train", "val", "test", "extra"):
                raise UserError(f"config: data.{dataset}.ood.{name} has the name of a split; choose another")
            _check_images(config, dataset, name, ood)
        own_files.check_data(config, dataset)
        if config["data"][dataset].get("source") == "torchvision":
            torchvision_names.check(f"data.{dataset}.name", config["data"][dataset]["name"])
    for backbone in chosen["backbones"]:
        own_files.check_backbone(config, backbone)
        _check_normalisation(config["backbones"][backbone]["input"], f"backbones.{backbone}.input")
    own_files.check_generator(config)
    recipes.check(config)
    counted = {dataset: own_files.counted(config, dataset) for dataset in chosen["datasets"]}
    recipes.check_words(config, [amounts.classes(block, counted.get(name)) for name, block in config["data"].items()])
    amounts.check(config, counted)


def _check_family(config: Config, family: str) -> None:
    block = config["families"][family]
    for dose, values in block["doses"].items():
        if dose == study.BASELINE:
            raise UserError(
                f"config: families.{family}.doses.{dose}: {study.BASELINE!r} is every family's neutral dose"
            )
        known = interventions.numbers(config, family, dose)
        if block["axis"] not in known:
            numbers = ", ".join(known)
            raise UserError(
                f"config: families.{family}.axis = {block['axis']!r} is no number of dose {dose!r}; "
                f"choose from {numbers}"
            )
        _check_action(config, family, dose, values)
        if family == interventions.INSIDE:
            _check_places(config, f"families.{family}.doses.{dose}.places", values["places"])
        if "recipe" in values and values["recipe"] not in recipes.names(config):
            allowed = ", ".join(recipes.names(config))
            raise UserError(
                f"config: families.{family}.doses.{dose}.recipe = {values['recipe']!r} is not in generate.recipes; "
                f"choose from {allowed}"
            )


def _check_places(config: Config, key: str, places: Config) -> None:
    """Every backbone of the study must say what drops in it."""
    for name in places:
        if name not in config["backbones"]:
            known = ", ".join(sorted(config["backbones"]))
            raise UserError(f"config: {key} names {name!r}, which backbones does not define; known: {known}")
    for backbone in config["study"]["backbones"]:
        if backbone not in places:
            allowed = ", ".join(interventions.DROPOUTS)
            raise UserError(f"config: {key} does not say what drops in {backbone!r}: give it a list of {allowed}")


def _check_normalisation(block: Config, key: str) -> None:
    """Mean and spread of one grey channel or of three colours."""
    counts = len(block["mean"]), len(block["std"])
    if counts not in ((1, 1), (3, 3)):
        raise UserError(
            f"config: {key} has {counts[0]} numbers in mean and {counts[1]} in std: give one of each, or three"
        )


def _check_action(config: Config, family: str, dose: str, values: Config) -> None:
    """The optimiser must be able to do what a dose asks for."""
    if values.get("decay", 0) and not values["coupled"] and config["finetune"]["optimizer"] == "sgd":
        raise UserError(
            f"config: families.{family}.doses.{dose}.coupled = false needs finetune.optimizer = 'adam' (AdamW); "
            "SGD can only do coupled = true"
        )


def _check_images(config: Config, dataset: str, name: str, ood: Config) -> None:
    """A corruption cannot use more images than the test split has."""
    have = config["data"][dataset]["splits"]["test"]
    if ood["source"] == "corruption" and "all" not in (have, ood["images"]) and ood["images"] > have:
        raise UserError(f"config: data.{dataset}.ood.{name}.images = {ood['images']}, but the test split has {have}")


def check_tables(config: Config) -> None:
    """In a study that starts from published tables, their folder must be there and the conditions file whole."""
    from weightscape.published import conditions

    block = config["reanalyse"]
    if config["study"]["start"] != "tables":
        return
    if not Path(block["tables"]).is_dir():
        raise UserError(
            f"config: reanalyse.tables = {block['tables']!r} is no folder; name the folder of the tables in the "
            "study's file, or by --config 'reanalyse={tables: FOLDER}'"
        )
    conditions.read(Path(block["conditions"]))
