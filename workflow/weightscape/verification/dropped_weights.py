"""Runs whose weights were dropped once they were measured, and would have to be trained again for a later plan.

`study.keep_weights` drops weights to save disk. A new OOD set or another spectral column then needs them: their runs
are trained anew, which costs what they cost before. The plan stops unless the config allows it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from weightscape.errors import UserError
from weightscape.formats.packed_text import unpacked
from weightscape.provenance.records import place, provenance_of, read_provenance, read_record

WEIGHTS = ("initial", "after")
"""Dropped each after its last use. Where all weights are kept, one that was deleted by hand is made again as any other
deleted result."""

Planned = tuple[Path, str, str]
"""Of a planned run: its manifest, its settings as JSON, the digest of its code."""


def unchanged(dag: Any, planned: Sequence[Any]) -> list[Any]:
    """The planned jobs of Snakemake that run only because files are missing: nothing that they are made from changed.

    What is upstream of a job counts as well: one that reads new images would run with its weights in place, too.
    """
    known: dict[Any, bool] = {}
    members = set(planned)

    def changed(job: Any) -> bool:
        if job not in known:
            reason = dag.reason(job)
            own = reason.forced or reason.updated_input or reason.is_provenance_triggered()
            known[job] = bool(own) or any(changed(above) for above in dag.dependencies[job] if above in members)
        return known[job]

    return [job for job in planned if not changed(job)]


def is_measured(run: Path, record: Path) -> bool:
    """Whether a record is of a measure of the weights that a run now has, as their own record names them."""
    try:
        measured = read_record(record)["inputs"].get(place(run / "after.safetensors"))
        return measured is not None and measured == read_record(run / "manifest.json")["outputs"]["after.safetensors"]
    except (UserError, KeyError):
        return False


def again(planned: Iterable[Planned], keep: str) -> list[Path]:
    """Folders of planned runs that were trained before by the same settings and code, and whose weights are gone.

    `keep` is the study's `keep_weights`.
    """
    return [manifest.parent for manifest, settings, code in planned if _dropped(manifest, settings, code, keep)]


def _dropped(manifest: Path, settings: str, code: str, keep: str) -> bool:
    there = [(manifest.parent / f"{name}.safetensors").exists() for name in WEIGHTS]
    if not manifest.is_file() or (any(there) if keep == "all" else all(there)):
        return False
    record = read_record(manifest)
    return record["settings"] == json.loads(unpacked(settings)) and record["code"] == code


def hours(folders: Iterable[Path]) -> float:
    """What training these runs took, from their provenance where it can be read."""
    records = (read_provenance(provenance_of(folder / "manifest.json")) for folder in folders)
    return sum(record.get("wall_seconds", 0.0) for record in records) / 3600


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
