"""Stops a plan that would train runs again only because their weights were dropped once they were measured.

`study.keep_weights` drops weights to save disk. A new OOD set or another spectral column then needs them, and training
the runs again costs what it cost before, so that it needs leave. The plan is checked, and not each training: a job that
fails loses the record of what it made before, and by which settings.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from weightscape.errors import UserError
from weightscape.finetune.kept_weights import is_dropped
from weightscape.formats.json_yaml import unpacked
from weightscape.provenance.records import content_digest, place, provenance_of, read_provenance, read_record

LEAVE = "WEIGHTSCAPE_ALLOW_RETRAINING"
"""Set to 1 in the environment to train such runs again."""


@dataclass(frozen=True)
class Training:
    """A planned fine-tuning: its manifest, its settings as JSON, the digest of its code, and the files it reads."""

    manifest: Path
    settings: str
    code: str
    inputs: list[Path]


def check(planned: Iterable[Training]) -> None:
    """Stop unless the environment gives leave to train again what was trained, measured and dropped."""
    leave = os.environ.get(LEAVE, "")
    if leave not in ("", "0", "1"):
        raise UserError(f"{LEAVE} = {leave!r} in the environment is unknown: set it to 1, which trains such runs again")
    if leave == "1":
        return
    lost = [training.manifest.parent for training in planned if _is_repeated(training)]
    if lost:
        runs = "1 run" if len(lost) == 1 else f"{len(lost)} runs"
        raise UserError(
            f"this plan trains {runs} again, about {hours(lost):.1f} GPU hours as measured, since "
            "study.keep_weights had the weights dropped that a later stage now needs (one job evaluates all seeds of a "
            "condition on all splits, so that another set of seeds or splits needs the weights of all): allow it by "
            f"`weightscape resume --allow-retraining` or {LEAVE}=1 in the environment, or take back what asks for them"
        )


def _is_repeated(training: Training) -> bool:
    """Whether the same settings, code and inputs were trained before, and the weights were dropped."""
    if not training.manifest.is_file() or not is_dropped(training.manifest.parent):
        return False
    record = read_record(training.manifest)
    read = {place(path): path for path in training.inputs}
    return (
        record["settings"] == json.loads(unpacked(training.settings))
        and record["code"] == training.code
        and all(content_digest(read[name]) == made for name, made in record["inputs"].items() if name in read)
    )


def hours(folders: Iterable[Path]) -> float:
    """Hours that training these runs took, from their provenance where it can be read."""
    records = (read_provenance(provenance_of(folder / "manifest.json")) for folder in folders)
    return sum(record.get("wall_seconds", 0.0) for record in records) / 3600
