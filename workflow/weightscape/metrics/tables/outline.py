"""Lists the runs and the files that the tables of a study are made from."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from weightscape.families import BASELINE
from weightscape.project import RUN, STAGE_FOLDERS

FOLDERS = {
    kind: f"{STAGE_FOLDERS[stage]}/{below}"
    for kind, stage, below in (
        ("split", "data", "{dataset}/{split}"),
        ("generator", "generate", "{dataset}/{generator}"),
        ("diversity", "assemble", "{dataset}/{family}/{dose}/diversity"),
        ("run", "finetune", RUN),
        ("evaluation", "finetune", f"{RUN}/evaluation"),
        ("curvature", "finetune", f"{RUN}/curvature"),
        ("penalties", "finetune", f"{RUN}/penalties"),
        ("spectra", "spectra", RUN),
        ("spectra_before", "spectra", "before/{backbone}"),
    )
}
"""The folders of a study's results that the tables are gathered from."""


@dataclass(frozen=True)
class Condition:
    """A condition, and the number by which its dose is ordered."""

    family: str
    dose: str
    number: float


@dataclass(frozen=True)
class Run:
    """The columns that identify a run."""

    dataset: str
    backbone: str
    family: str
    dose: str
    number: float
    seed: int

    @property
    def name(self) -> str:
        """Its folder below that of a stage."""
        return RUN.format(**vars(self))


@dataclass(frozen=True)
class Outline:
    """The runs of a study, and what its tables are made from: the settings of the stage `aggregate`.

    Each condition has a run of every seed; the pool of neutral runs has the seeds 0 to `baseline_runs` - 1 instead.
    `measured` are the conditions whose diversity is measured, `curved` the families whose curvature is. At the weights
    of the families `penalised` are measured the `penalties` of these families, at these doses. By data set, `splits`
    has those that are evaluated, `read` all of whose reading is told, `seen` the corruptions that a condition
    (`family/dose`) was trained on, and `severity` that of each corruption. `generator` is None if no condition has
    synthetic images.
    """

    datasets: tuple[str, ...]
    backbones: tuple[str, ...]
    seeds: tuple[int, ...]
    baseline_runs: int
    conditions: tuple[Condition, ...]
    measured: tuple[Condition, ...]
    splits: Mapping[str, tuple[str, ...]]
    read: Mapping[str, tuple[str, ...]]
    curved: tuple[str, ...]
    penalised: tuple[str, ...]
    penalties: Mapping[str, str]
    calibration_bins: int
    seen: Mapping[str, Mapping[str, tuple[str, ...]]]
    severity: Mapping[str, Mapping[str, int]]
    generator: str | None

    def runs(self) -> Iterator[Run]:
        """Every run."""
        return (
            Run(dataset, backbone, **vars(condition), seed=seed)
            for dataset, backbone, condition in itertools.product(self.datasets, self.backbones, self.conditions)
            for seed in (range(self.baseline_runs) if condition.family == BASELINE else self.seeds)
        )

    def curved_runs(self) -> Iterator[Run]:
        """The runs whose curvature was measured."""
        return (run for run in self.runs() if run.family in self.curved)

    def penalised_runs(self) -> Iterator[Run]:
        """The runs at whose weights penalties were measured."""
        return (run for run in self.runs() if run.family in self.penalised)


def folder(results: Path, kind: str, /, **names: str | float | None) -> Path:
    """The folder of FOLDERS with these names below the results."""
    return results / FOLDERS[kind].format(**names)


def sources(results: Path, outline: Outline) -> list[Path]:
    """The records of all jobs that the tables are gathered from."""
    read = [folder(results, "spectra_before", backbone=name) for name in outline.backbones]
    read += [folder(results, kind, **vars(run)) for run in outline.runs() for kind in ("run", "evaluation", "spectra")]
    read += [folder(results, "curvature", **vars(run)) for run in outline.curved_runs()]
    read += [folder(results, "penalties", **vars(run)) for run in outline.penalised_runs()]
    for dataset in outline.datasets:
        read += [folder(results, "split", dataset=dataset, split=split) for split in outline.read[dataset]]
        read += [folder(results, "diversity", dataset=dataset, **vars(condition)) for condition in outline.measured]
        if outline.generator:
            read.append(folder(results, "generator", dataset=dataset, generator=outline.generator))
    return [path / "manifest.json" for path in read]
