"""Folders and files of one's own that a config names: looked up before the first job."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weightscape.errors import UserError

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
        if block["source"] == "image_folder":
            _classes(f"data.{dataset}", Path(block["root"]) / "train", block["classes"])
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


def _classes(key: str, train: Path, wanted: str | int | list[str]) -> None:
    """The classes that are asked for must be folders below `train`."""
    if not train.is_dir():
        raise UserError(f"config: {key}.root has no folder train in it: put the training images into train/CLASS/")
    known = sorted(entry.name for entry in train.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    some = ", ".join(known[:10]) + (", ..." if len(known) > 10 else "")
    if isinstance(wanted, int) and wanted > len(known):
        raise UserError(f"config: {key}.classes = {wanted}, but {train} has {len(known)}: lower it or write all")
    lacking = [name for name in wanted if name not in known] if isinstance(wanted, list) else []
    if lacking:
        raise UserError(f"config: {key}.classes has {lacking[0]!r}, but {train} has {some}: correct it")


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
    """The folder of LoRA weights must be there."""
    block = config["generate"]
    lora = block["pipeline"]["lora"]
    if block["kind"] != "ddpm" and lora is not None:
        _folder("generate.pipeline.lora", lora)


def _folder(key: str, path: str) -> None:
    if not Path(path).is_dir():
        raise UserError(f"config: {key} = {path!r} is no folder: correct it, or put the data there")
