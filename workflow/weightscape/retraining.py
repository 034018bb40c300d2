"""Runs whose weights were dropped once they were measured, and would have to be trained again for a later plan.

`study.keep_weights` drops weights to save disk. A new OOD set or another spectral column then needs them: their runs
are trained anew, which costs what they cost before. The plan stops unless the config allows it.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from weightscape.errors import UserError
from weightscape.files import read_json
from weightscape.records import read_record

WEIGHTS = ("initial", "after")
"""Dropped each after its last use. Where all weights are kept, one that was deleted by hand is made again as any other
deleted result."""

Planned = tuple[Path, str, str]
"""Of a planned run: its manifest, its settings as JSON, the digest of its code."""


def again(planned: Iterable[Planned], keep: str) -> list[Path]:
    """Folders of planned runs that were trained before, by the same settings and code, and whose weights are gone.

    `keep` is the study's `keep_weights`.
    """
    return [manifest.parent for manifest, settings, code in planned if _dropped(manifest, settings, code, keep)]


def _dropped(manifest: Path, settings: str, code: str, keep: str) -> bool:
    there = [(manifest.parent / f"{name}.safetensors").exists() for name in WEIGHTS]
    if not manifest.is_file() or (any(there) if keep == "all" else all(there)):
        return False
    record = read_record(manifest)
    return record["settings"] == json.loads(settings) and record["code"] == code


def hours(folders: Iterable[Path]) -> float:
    """What training these runs took, from their provenance where it can be read."""
    return sum(_seconds(folder / "provenance.json") for folder in folders) / 3600


def _seconds(path: Path) -> float:
    try:
        return float(read_json(path)["wall_seconds"])
    except (UserError, KeyError, TypeError, ValueError):
        return 0.0


def check(config: Mapping[str, Any], planned: Iterable[Planned]) -> None:
    """Stop a plan that trains runs again only because their weights were dropped."""
    if config["allow_retraining"]:
        return
    lost = again(planned, config["study"]["keep_weights"])
    if lost:
        runs = "1 run" if len(lost) == 1 else f"{len(lost)} runs"
        raise UserError(
            f"this plan trains {runs} again, about {hours(lost):.1f} GPU hours as measured, since "
            "study.keep_weights had the weights dropped that a later stage now needs (one job evaluates all seeds of a "
            "condition on all splits, so that another set of seeds or splits needs the weights of all): allow it by "
            "allow_retraining: true in the study's file or --config allow_retraining=true, or take back what asks for "
            "them"
        )
