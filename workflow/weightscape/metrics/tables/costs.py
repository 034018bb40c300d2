"""Sums the costs that the records of a study state."""

from pathlib import Path
from typing import Any

from weightscape.formats.json_yaml import read_json
from weightscape.provenance.records import provenance_of, read_provenance


def costs(results: Path) -> list[dict[str, Any]]:
    """Jobs, wall and CPU seconds, largest memory (MB), devices and hosts by stage, of all records up to stage 5."""
    provenances: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for record in sorted(results.glob("[1-5]_*/**/*.json")):
        path = provenance_of(record)
        if path.is_file():
            folder = record.relative_to(results).parts[0]
            provenances.setdefault((folder, read_json(record).get("stage", "")), []).append(read_provenance(path))
    return [{"folder": folder, "stage": stage, **summed(jobs)} for (folder, stage), jobs in provenances.items()]


def summed(jobs: list[dict[str, Any]]) -> dict[str, Any]:
    """The sums over several provenance records."""
    several = {
        name: sorted({str(job[key]) for job in jobs if job.get(key)})
        for name, key in (("devices", "device"), ("hosts", "host"), ("machines", "machine"), ("commits", "commit"))
    }
    totals = {key: round(sum(job.get(key) or 0.0 for job in jobs), 1) for key in ("wall_seconds", "cpu_seconds")}
    memory = max((job.get("peak_memory_mb") or 0.0 for job in jobs), default=0.0)
    energy = [job["energy_joules"] for job in jobs if job.get("energy_joules")]
    return {
        "jobs": len(jobs),
        **totals,
        "peak_memory_mb": memory,
        "energy_joules": round(sum(energy), 1) if energy else None,
        **several,
    }
