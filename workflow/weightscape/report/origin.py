"""States where a page comes from: the cost of each stage, versions and devices."""

from collections.abc import Sequence
from pathlib import Path

from weightscape.metrics.tables.costs import StageCost, cost_of
from weightscape.provenance.records import PROVENANCE, provenance_of, read_provenance

ABSENT = "\N{EN DASH}"
TOTAL = "in all"


def stages(tables: Path, figures: Path | None = None) -> list[StageCost]:
    """The cost of each stage, from the provenance beside the tables and figures; of stages without one, nothing."""
    paths = {stage: provenance_of(tables / f"{stage}.json") for stage in ("aggregate", "analyse")}
    rows = [StageCost.from_record(values) for values in read_provenance(paths["aggregate"]).get("stages", [])]
    rows += [cost_of(tables.resolve().name, stage, [path]) for stage, path in paths.items() if path.is_file()]
    drawn = sorted(figures.glob(f"*.{PROVENANCE}")) if figures else []
    return [*rows, cost_of(figures.resolve().name, "figure", drawn)] if figures and drawn else rows


def cost_rows(stages: Sequence[StageCost]) -> list[list[str]]:
    """Folder, stage, jobs, CPU time, wall time, memory and energy of each stage, and their sum."""
    if not stages:
        return []
    energy = [stage.energy_joules for stage in stages if stage.energy_joules]
    total = _amounts(
        sum(stage.cpu_seconds for stage in stages),
        sum(stage.wall_seconds for stage in stages),
        max(stage.peak_memory_mb for stage in stages),
        sum(energy) if energy else None,
    )
    return [*map(_row, stages), [TOTAL, "", str(sum(stage.jobs for stage in stages)), *total]]


def _row(cost: StageCost) -> list[str]:
    amounts = _amounts(cost.cpu_seconds, cost.wall_seconds, cost.peak_memory_mb, cost.energy_joules)
    return [cost.folder.replace("_", " "), cost.stage.replace("_", " "), str(cost.jobs), *amounts]


def _amounts(cpu_seconds: float, wall_seconds: float, memory_mb: float, energy_joules: float | None) -> list[str]:
    return [
        _duration(cpu_seconds),
        _duration(wall_seconds),
        f"{memory_mb / 1024:.1f} GB" if memory_mb else ABSENT,
        f"{energy_joules / 3600:.1f} Wh" if energy_joules else ABSENT,
    ]


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def every(lists: Sequence[Sequence[str]]) -> list[str]:
    """All values of some lists, sorted, each once."""
    return sorted({value for values in lists for value in values})
