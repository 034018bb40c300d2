"""Folders and files of one's own that a config names: looked up before the first job."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weightscape.errors import UserError
from weightscape.formats.json_yaml import read_json

KEYWORDS = ("wheel", "hub", "none")
"""Values of a backbone's `weights` that are no path."""


def check_data(config: Mapping[str, Any], dataset: str) -> None:
    """The folders that a data set and its OOD sets name must be there, and a domain must have a source of domains."""
    block = config["data"][dataset]
    parts = block.get("parts") or {}
    if parts and parts["train"] == parts["test"]:
        raise UserError(
            f"config: data.{dataset}.parts has {parts['train']!r} for training and for testing: name two parts, or set "
            "parts.test to null to split one"
        )
    if block.get("root") is not None:
        _folder(f"data.{dataset}.root", block["root"])
    if block["source"] == "huggingface":
        _check_hub(f"data.{dataset}", block)
    for name, ood in block["ood"].items():
        key = f"data.{dataset}.ood.{name}"
        if "root" in ood:
            _folder(f"{key}.root", ood["root"])
        if ood["source"] == "domain" and not has_domains(block):
            raise UserError(f"config: {key}.source = 'domain', but a data set of source {block['source']!r} has none")
        if (
            ood["source"] == "domain"
            and block["source"] == "huggingface"
            and block.get("domain") in (None, ood["domain"])
        ):
            raise UserError(
                f"config: {key}.domain = {ood['domain']!r} is also trained on: set data.{dataset}.domain to another"
            )
        if ood["source"] == "image_folder" and "image" not in block:
            raise UserError(f"config: {key}.source = 'image_folder' needs a data set that is no package")
        if ood["source"] == "uci_digits" and "image" in block:
            raise UserError(f"config: {key}.source = 'uci_digits' belongs to a data set of digits of 28 px")
    if block.get("domain") is not None and block["columns"]["domain"] is None:
        raise UserError(f"config: data.{dataset}.domain = {block['domain']!r} needs a column: set columns.domain")


LISTED = ("image_folder", "arrays")
"""Sources whose images can be counted without a package that takes seconds to import."""


def counted(config: Mapping[str, Any], dataset: str) -> Any:
    """What a data set of one's own files holds (`datasets.pools.Counted`); None for other sources."""
    block = config["data"][dataset]
    if block["source"] not in LISTED:
        return None
    from weightscape.data import sources
    from weightscape.data.settings import source_of

    try:
        return sources.counted(source_of(block), block["splits"], block["ood"])
    except UserError as fault:
        raise UserError(f"config: data.{dataset}: {fault}") from None


def _check_hub(key: str, block: Mapping[str, Any]) -> None:
    """A data set in a folder must be there; one that `save_to_disk` wrote tells its parts and columns."""
    _hub_or_folder(f"{key}.path", block["path"])
    saved = Path(block["path"])
    if not (saved / "dataset_dict.json").is_file():
        return
    known = read_json(saved / "dataset_dict.json").get("splits", [])
    for part in block["parts"].values():
        if part is not None and part not in known:
            raise UserError(f"config: {key}.parts has {part!r}, but {saved} has {', '.join(known)}: correct it")
    columns = read_json(saved / known[0] / "dataset_info.json").get("features", {}) if known else {}
    for kind, name in block["columns"].items():
        if name is not None and columns and name not in columns:
            raise UserError(
                f"config: {key}.columns.{kind} = {name!r}, but {saved} has {', '.join(columns)}: correct it"
            )


def has_domains(block: Mapping[str, Any]) -> bool:
    """Whether a data set offers shifted domains of its own."""
    if block["source"] == "huggingface":
        return block["columns"]["domain"] is not None
    return block["source"] in ("image_folder", "arrays")


def check_backbone(config: Mapping[str, Any], backbone: str) -> None:
    """A backbone's file of weights must be there."""
    weights = config["backbones"][backbone]["weights"]
    if weights not in KEYWORDS and not Path(weights).is_file():
        raise UserError(
            f"config: backbones.{backbone}.weights = {weights!r} is no file; allowed are {', '.join(KEYWORDS)} or the "
            "path of a file of weights"
        )


def check_generator(config: Mapping[str, Any]) -> None:
    """Folders of a pipeline, of LoRA weights and of the gate's model must be there, and be such."""
    block = config["generate"]
    if block["kind"] != "ddpm":
        pipeline = block["pipeline"]
        if pipeline["lora"] is not None:
            _check_lora("generate.pipeline.lora", pipeline["lora"])
        _check_pipeline(pipeline)
    if block["gate"]["classifier"] == "zero_shot":
        _model_folder("generate.gate.model", block["gate"]["model"], "config.json")


def _check_lora(key: str, folder: str) -> None:
    """LoRA weights are safetensors in one folder."""
    _folder(key, folder)
    if not any(Path(folder).glob("*.safetensors")):
        raise UserError(
            f"config: {key} = {folder!r} holds no .safetensors: name the folder that save_lora_weights wrote"
        )


def _check_pipeline(pipeline: Mapping[str, Any]) -> None:
    """A folder's index says which parts a pipeline has."""
    index = _model_folder("generate.pipeline.model", pipeline["model"], "model_index.json")
    if index is not None and pipeline["safety_checker"] and not any(read_json(index).get("safety_checker") or []):
        raise UserError(
            f"config: generate.pipeline.safety_checker = true, but {pipeline['model']} has none: set it to false, or "
            "add one to that folder"
        )


def _model_folder(key: str, model: str, index: str) -> Path | None:
    """The file by which a model's folder is known; None for a hub id."""
    _hub_or_folder(key, model)
    folder = Path(model)
    if not folder.is_dir():
        return None
    if not (folder / index).is_file():
        raise UserError(f"config: {key} = {model!r} has no {index} in it: name the folder that save_pretrained wrote")
    return folder / index


def _hub_or_folder(key: str, text: str) -> None:
    """What can be no hub id (OWNER/NAME) must be a folder."""
    if text.startswith((".", "/", "~")) or text.count("/") > 1:
        _folder(key, text)


def _folder(key: str, path: str) -> None:
    if not Path(path).is_dir():
        raise UserError(f"config: {key} = {path!r} is no folder: correct it, or put the data there")
