"""Removes the weights of runs that are wholly measured, and tells from the record of it which runs have none."""

from dataclasses import dataclass
from pathlib import Path

from weightscape.errors import UserError
from weightscape.provenance.records import place, read_record

WEIGHTS = ("initial.safetensors", "after.safetensors")
"""The files of a run's weights: what fine-tuning starts from, and what it ends with."""

RECORD = "dropped.json"  # the record in a condition's folder, of the runs of this condition that are without weights


@dataclass(frozen=True)
class DropSettings:
    """The seeds whose weights stay."""

    kept: tuple[int, ...]


def drop(runs: list[Path], measures: list[Path], settings: DropSettings) -> list[str]:
    """Remove the weights of the runs in these folders that `settings` does not keep; names all that have none then."""
    for run in runs:
        if _has_weights(run):
            _check_measured(run, measures)
    for run in runs:
        if run.name not in {f"seed{seed}" for seed in settings.kept}:
            for name in WEIGHTS:
                (run / name).unlink(missing_ok=True)
    return [run.name for run in runs if not _has_weights(run)]


def _check_measured(run: Path, measures: list[Path]) -> None:
    """Stop if a measure of the run was made at other weights than those that are there."""
    weights = read_record(run / "manifest.json")["outputs"]["after.safetensors"]
    for record in measures:
        measured = read_record(record)["inputs"].get(place(run / "after.safetensors"), weights)
        if measured != weights:
            raise UserError(
                f"{record} was made of other weights than those in {run}: delete it, so that it is made again"
            )


def is_dropped(run: Path) -> bool:
    """Whether the record of the run's condition names it, and its weights are gone."""
    record = run.parent / RECORD
    if _has_weights(run) or not record.is_file():
        return False
    return run.name in read_record(record)["facts"].get("dropped", [])


def _has_weights(run: Path) -> bool:
    return all((run / name).is_file() for name in WEIGHTS)
