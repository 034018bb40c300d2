"""States where a page comes from: the cost of each stage, versions and devices, and what to cite."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weightscape.formats.json_yaml import read_yaml
from weightscape.formats.writing import sha256
from weightscape.metrics.tables.costs import StageCost, cost_of
from weightscape.project import CITATION
from weightscape.provenance.records import PROVENANCE, place, provenance, provenance_of, read_provenance

ABSENT = "\N{EN DASH}"
TOTAL = "in all"
LASTING = ("commit", "python", "machine", "versions")
"""Of this page's own provenance; times would change the page at each build."""


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


def origin(costs: Sequence[StageCost], made_of: Iterable[Path]) -> dict[str, object]:
    """Versions and commits, and the digest of each table and figure."""
    known = provenance()
    return {
        **{key: known[key] for key in LASTING},
        "commits": _every([cost.commits for cost in costs]),
        "machines": _every([cost.machines for cost in costs]),
        "devices": _every([cost.devices for cost in costs]),
        "sources": {place(path): sha256(path) for path in made_of},
    }


def _every(lists: Sequence[Sequence[str]]) -> list[str]:
    return sorted({value for values in lists for value in values})


@dataclass(frozen=True)
class Citation:
    """A request to cite, and one line for each work."""

    message: str
    lines: list[str]


def citation_files() -> list[Path]:
    """The project's CITATION.cff, if it is there."""
    return [CITATION] if CITATION.is_file() else []


def citation(path: Path) -> Citation:
    """The works to cite, from CITATION.cff."""
    cff = read_yaml(path)
    return Citation(cff["message"], [_reference(entry) for entry in (cff, *cff.get("references", []))])


def _reference(entry: Mapping[str, Any]) -> str:
    authors = ", ".join(author.get("family-names") or author["name"] for author in entry["authors"])
    rest = [f"Version {entry['version']}" if "version" in entry else "", entry.get("url", "")]
    return f"{authors}: {entry['title'].rstrip('?.')}. {', '.join(filter(None, rest))}".strip()
