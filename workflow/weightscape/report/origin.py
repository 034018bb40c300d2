"""States where a page comes from: the cost of each stage, versions and devices."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from weightscape.metrics.tables.costs import summed
from weightscape.provenance.records import PROVENANCE, provenance_of, read_provenance

ABSENT = "\N{EN DASH}"
TOTAL = "in all"


def stages(tables: Path, figures: Path | None = None) -> list[dict[str, Any]]:
    """The cost of each stage, from the provenance beside the tables and figures; of stages without one, nothing."""
    paths = {stage: provenance_of(tables / f"{stage}.json") for stage in ("aggregate", "analyse")}
    rows = list(read_provenance(paths["aggregate"]).get("stages", []))
    for stage, path in paths.items():
        if path.is_file():
            rows.append({"folder": tables.resolve().name, "stage": stage, **summed([read_provenance(path)])})
    drawn = [read_provenance(path) for path in sorted(figures.glob(f"*.{PROVENANCE}"))] if figures else []
    if figures and drawn:
        rows.append({"folder": figures.resolve().name, "stage": "figure", **summed(drawn)})
    return rows


def cost_rows(stages: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Folder, stage, jobs, CPU time, wall time, memory and energy of each stage, and their sum."""
    rows = [
        [row["folder"].replace("_", " "), row["stage"].replace("_", " "), str(row["jobs"]), *_amounts(row)]
        for row in stages
    ]
    if not rows:
        return []
    total: dict[str, Any] = {key: sum(row[key] for row in stages) for key in ("cpu_seconds", "wall_seconds")}
    total["peak_memory_mb"] = max(row["peak_memory_mb"] for row in stages)
    known = [row["energy_joules"] for row in stages if row.get("energy_joules")]
    total["energy_joules"] = sum(known) if known else None
    return [*rows, [TOTAL, "", str(sum(row["jobs"] for row in stages)), *_amounts(total)]]


def _amounts(row: Mapping[str, Any]) -> list[str]:
    energy = row.get("energy_joules")
    return [
        _duration(row["cpu_seconds"]),
        _duration(row["wall_seconds"]),
        f"{row['peak_memory_mb'] / 1024:.1f} GB" if row["peak_memory_mb"] else ABSENT,
        f"{energy / 3600:.1f} Wh" if energy else ABSENT,
    ]


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def every(stages: Sequence[Mapping[str, Any]], key: str) -> list[str]:
    """All values of a list such as `devices`, over the stages."""
    return sorted({value for row in stages for value in row.get(key, [])})
