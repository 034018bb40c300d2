"""Lists the runs and the files that the tables of a study are made from."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from weightscape.metrics.tables import folders
from weightscape.project import RUN


@dataclass(frozen=True)
class Condition:
    """A condition, and the number by which its dose is ordered."""

    family: str
    dose: str
    number: float


@dataclass(frozen=True)
class Outline:
    """The runs of a study, and what its tables are made from: the settings of the stage `aggregate`.

    `measured` are the conditions whose diversity is measured, `curved` the families whose curvature is. By data set,
    `splits` has those that are evaluated, `seen` the corruptions that a condition (`family/dose`) was trained on, and
    `severity` that of each corruption. `generator` is None if no condition has synthetic images.
    """

    datasets: tuple[str, ...]
    backbones: tuple[str, ...]
    seeds: tuple[int, ...]
    conditions: tuple[Condition, ...]
    measured: tuple[Condition, ...]
    splits: Mapping[str, tuple[str, ...]]
    curved: tuple[str, ...]
    calibration_bins: int
    seen: Mapping[str, Mapping[str, tuple[str, ...]]]
    severity: Mapping[str, Mapping[str, int]]
    generator: str | None


def runs_of(outline: Outline) -> Iterator[tuple[dict[str, Any], str]]:
    """The identifying columns and the folder name of every run."""
    product = itertools.product(outline.datasets, outline.backbones, outline.conditions, outline.seeds)
    for dataset, backbone, condition, seed in product:
        columns = {"dataset": dataset, "backbone": backbone}
        columns |= asdict(condition) | {"seed": seed}
        yield columns, RUN.format(**columns)


def sources(results: Path, outline: Outline) -> list[Path]:
    """The records of all jobs that the tables are gathered from."""
    read = [folders.spectra_before(results, name) for name in outline.backbones]
    for _, run in runs_of(outline):
        read += [folders.run(results, run), folders.evaluation(results, run), folders.spectra(results, run)]
    read += [folders.curvature(results, run) for _, run in curved_runs(outline)]
    for dataset in outline.datasets:
        read.append(folders.split(results, dataset, "train"))
        read += [folders.diversity(results, dataset, part.family, part.dose) for part in outline.measured]
        read += [folders.generator(results, dataset, outline.generator)] if outline.generator else []
    return [folder / "manifest.json" for folder in read]


def numbers(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts that are one number each: those of single modules and operations stay in the record."""
    return {name: value for name, value in facts.items() if not isinstance(value, dict)}


SHORT = {"vendi.common.mean.": "vendi_", "vendi.whole.": "vendi_whole_", "geometry.": "", "reference.": ""}
"""Long names of measures, shortened for columns and plots."""


def flat(record: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """The numbers of a nested record with dotted names; lists (curves, single classes) stay in the record."""
    for name, value in record.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from flat(value, f"{path}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            start = next((long for long in SHORT if path.startswith(long)), "")
            yield SHORT.get(start, "") + path.removeprefix(start), float(value)


def curved_runs(outline: Outline) -> Iterator[tuple[dict[str, Any], str]]:
    """The runs whose curvature was measured."""
    return ((columns, run) for columns, run in runs_of(outline) if columns["family"] in outline.curved)
