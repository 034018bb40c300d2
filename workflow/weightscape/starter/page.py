"""Writes a new study as YAML that a person can read and change, with a comment at what they may ask about."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from weightscape.study import Config

WIDTH = 116

COMMENTS = {
    "study.families": "interventions; label_noise, duplicate, real_add and steps are controls",
    "study.seeds": "runs of each condition",
    "study.baseline_runs": "runs without any intervention",
    "data.*.image": "every image is scaled and cropped to this form",
    "data.*.splits": "images; extra: for real_add, and a reference of diversity",
    "data.*.classes": "those that have readable images",
    "data.*.unreadable": "share of the files that may be unreadable",
    "data.*.copies": "share of a split that may be copies: remove true ones, then lower it",
    "data.*.ood": "shifted test sets; severities are 1 to 5",
    "study.backbones": "claim C4 needs one that is pre-trained and one from scratch",
    "backbones.*.input": "px",
    "generate.judge": "a small network, in whose features diversity is measured too",
    "generate.training": "of the diffusion model; the report says if its images show their classes",
    "families": "what is varied, and how strongly; null: no such dose",
    "families.dropout": "head: rate before the head; path: stochastic depth",
    "families.weight_decay": "strong shrinks weights by three tenths in a run",
    "families.real_add": "share of further real images",
    "diversity": "sizes of its measures",
    "finetune": "the same in every condition",
    "curvature": "for claim C9",
    "analyse.max_drop": "so few validation images show no smaller drop",
    "analyse.signature": "so few runs carry no features of more groups of layers (claim C2)",
}


def text(config: Config, head: Sequence[str]) -> str:
    """The study as YAML below a head of comments."""
    lines = [f"# {line}".rstrip() for line in head]
    for key, value in config.items():
        lines += ["", *_lines({key: value}, "", "")]
    return "\n".join(lines) + "\n"


def _lines(block: Config, path: str, indent: str) -> Iterator[str]:
    for key, value in block.items():
        here = f"{path}.{key}".lstrip(".")
        comment = COMMENTS.get(here) or COMMENTS.get(_any_name(here), "")
        tail = f" # {comment}" if comment else ""
        start = f"{indent}{_flow(key)}:"
        line = f"{start} {_flow(value)}"
        opens = isinstance(value, Mapping) and value and (len(here.split(".")) < 2 or _is_named(here))
        if not opens and len(line) + len(tail) <= WIDTH:
            yield line + tail
        elif isinstance(value, Mapping) and value:
            yield start + tail
            yield from _lines(value, here, f"{indent}  ")
        elif isinstance(value, list) and value:
            yield start + tail
            yield from (f"{indent}  - {_flow(item)}" for item in value)
        else:
            yield line + tail


def _any_name(path: str) -> str:
    """The path with a star for the name of a data set or backbone."""
    parts = path.split(".")
    return ".".join([parts[0], "*", *parts[2:]]) if len(parts) > 1 else path


def _is_named(path: str) -> bool:
    """Whether a block is that of one data set, backbone or family."""
    parts = path.split(".")
    return len(parts) == 2 and parts[0] in ("data", "backbones", "families")


def _flow(value: Any) -> str:
    """A value in one line of YAML."""
    dumped = yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True, sort_keys=False)
    return dumped.removesuffix("\n").removesuffix("\n...").strip()
