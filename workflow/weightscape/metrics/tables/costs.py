"""Sums the costs that the records of a study state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from weightscape.formats.json_yaml import read_json
from weightscape.provenance.records import provenance_of, read_provenance


@dataclass(frozen=True)
class StageCost:
    """Jobs, wall and CPU seconds, largest memory, energy, and machines of a stage."""

    folder: str
    stage: str
    jobs: int
    wall_seconds: float
    cpu_seconds: float
    peak_memory_mb: float
    energy_joules: float | None
    """None if no job measured it."""

    devices: Sequence[str]
    hosts: Sequence[str]
    machines: Sequence[str]
    commits: Sequence[str]

    @classmethod
    def from_record(cls, values: Mapping[str, Any]) -> "StageCost":
        """A cost as `aggregate` recorded it; an older version may have recorded less."""
        empty = {"energy_joules": None, "devices": (), "hosts": (), "machines": (), "commits": ()}
        known = {field.name for field in fields(cls)}
        return cls(**empty | {name: value for name, value in values.items() if name in known})


def costs(results: Path) -> list[StageCost]:
    """The cost of each stage, from the provenance of all records up to stage 5."""
    provenances: dict[tuple[str, str], list[Path]] = {}
    for record in sorted(results.glob("[1-5]_*/**/*.json")):
        path = provenance_of(record)
        if path.is_file():
            folder = record.relative_to(results).parts[0]
            provenances.setdefault((folder, read_json(record).get("stage", "")), []).append(path)
    return [cost_of(folder, stage, paths) for (folder, stage), paths in provenances.items()]


def cost_of(folder: str, stage: str, provenances: Sequence[Path]) -> StageCost:
    """The cost of a stage as the sum over the provenance files of its jobs."""
    jobs = [read_provenance(path) for path in provenances]
    energy = [job["energy_joules"] for job in jobs if job.get("energy_joules")]

    def every(key: str) -> list[str]:
        return sorted({str(job[key]) for job in jobs if job.get(key)})

    return StageCost(
        folder,
        stage,
        jobs=len(jobs),
        wall_seconds=round(sum(job.get("wall_seconds") or 0.0 for job in jobs), 1),
        cpu_seconds=round(sum(job.get("cpu_seconds") or 0.0 for job in jobs), 1),
        peak_memory_mb=max((job.get("peak_memory_mb") or 0.0 for job in jobs), default=0.0),
        energy_joules=round(sum(energy), 1) if energy else None,
        devices=every("device"),
        hosts=every("host"),
        machines=every("machine"),
        commits=every("commit"),
    )
