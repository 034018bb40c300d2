"""Where a page comes from: what each stage cost, versions and devices."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from weightscape.metrics.tables.costs import summed
from weightscape.provenance.records import read_provenance

ABSENT = "\N{EN DASH}"
TOTAL = "in all"


def stages(tables: Path, figures: Path | None = None) -> list[dict[str, Any]]:
    """What each stage amounted to, from the provenance beside the tables and figures; empty where none is."""
    own = tables / "aggregate.provenance.json"
    rows = list(read_provenance(own).get("stages", []))
    for name in ("aggregate", "analyse"):
        path = tables / f"{name}.provenance.json"
        rows += [{"folder": "6_metrics", "stage": name, **summed([read_provenance(path)])}] if path.is_file() else []
    drawn = [read_provenance(path) for path in sorted(figures.glob("*.provenance.json"))] if figures else []
    return [*rows, {"folder": "7_figures", "stage": "figure", **summed(drawn)}] if drawn else rows


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
