"""Takes the rates of devices from the finished jobs of a pilot.

One seed of a study, run on the machines that the study is meant for, tells what they reach with its networks. Each
rate is the median over the jobs of (operations as `costs` counts them) / (wall seconds): jobs that were interrupted,
and a first one that compiles, do not carry it. Start-up is part of what is measured, so that pilots should be no
shorter than a minute a job.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import TypeVar

from weightscape.costs import generation, stages
from weightscape.costs.assumptions import Assumptions
from weightscape.errors import UserError
from weightscape.finetune.settings import FinetuneSettings
from weightscape.formats.typed import from_json
from weightscape.generate.settings import GenerateSettings, Pipeline
from weightscape.provenance.records import provenance_of, read_provenance, read_record
from weightscape.study.jobs import BY_RULE, Names, job_of

Settings = TypeVar("Settings", FinetuneSettings, GenerateSettings)


@dataclass(frozen=True)
class Measured:
    """Operations and seconds of one job of a network or recipe, and the images that it showed or made."""

    name: str
    operations: float
    seconds: float
    images: int


def calibrated(assumed: Assumptions, root: Path) -> tuple[Assumptions, list[str]]:
    """The assumptions with the rates that the jobs below `root` reached, and a line on each of these."""
    gpu, cpu = assumed.gpu, assumed.cpu
    try:
        trained, sampled, ratios = list(_trained(root)), list(_sampled(root)), list(_spectra(root, assumed))
    except (UserError, KeyError, TypeError, ValueError):
        raise UserError(f"{root} holds records that this project did not write: name another folder") from None
    lines = []
    if trained:
        ratio = _rate(trained) / gpu.peak / gpu.training_use
        gpu = replace(gpu, training_use=ratio * gpu.training_use, inference_use=ratio * gpu.inference_use)
        lines.append(f"Training is measured: {_text(trained, root)}; inference is taken to change by as much.")
    if sampled:
        gpu = replace(gpu, sampling_use=_rate(sampled) / gpu.peak)
        lines.append(f"Sampling is measured: {_text(sampled, root)}.")
    if ratios:
        ratio = median(ratios)
        cpu = replace(cpu, gflops=ratio * cpu.gflops, eigen_gflops=ratio * cpu.eigen_gflops)
        lines.append(f"Spectra are measured: {ratio:.2f} times as fast as assumed, the median of {len(ratios)} jobs.")
    if not lines:
        raise UserError(f"{root} holds no finished runs: name the results folder of a study that was run")
    return replace(assumed, gpu=gpu, cpu=cpu), lines


def _rate(jobs: list[Measured]) -> float:
    """Operations per second."""
    return median(job.operations / job.seconds for job in jobs)


def _text(jobs: list[Measured], root: Path) -> str:
    """The rate in words, with the milliseconds per image of each network or recipe."""
    names = dict.fromkeys(job.name for job in jobs)
    took = {name: median(1e3 * job.seconds / job.images for job in jobs if job.name == name) for name in names}
    networks = ", ".join(f"{name} {value:.3g} ms per image" for name, value in took.items())
    return f"{_rate(jobs) / 1e12:.3g} TFLOP/s, the median of {len(jobs)} jobs in {root} ({networks})"


def _trained(root: Path) -> Iterator[Measured]:
    for names, path, seconds in _finished(root, "finetune"):
        training = _settings(path, FinetuneSettings).training
        shown = training.steps * training.batch_size
        if shown:
            operations = generation.BACKWARD * _network(path).operations * shown
            yield Measured(names["backbone"], operations, seconds, shown)


def _sampled(root: Path) -> Iterator[Measured]:
    """Jobs of pipelines of diffusers; the small model that is trained here costs next to nothing."""
    for _, path, seconds in _finished(root, "generate"):
        settings, images = _settings(path, GenerateSettings), _made(path)
        if isinstance(settings.source, Pipeline) and images:
            pipeline = settings.source.pipeline
            strength = pipeline.strength if settings.source.kind == "image_to_image" else 1.0
            steps = round(pipeline.steps * strength)
            operations = generation.pipeline_operations(pipeline.size, steps, settings.guidance > 1)
            yield Measured(settings.recipe, images * operations, seconds, images)


def _made(record: Path) -> int:
    """Images that were sampled, be they kept or left out by the safety checker or the gate."""
    facts = read_record(record)["facts"]
    passed_on = facts["gate"]["images"] if "gate" in facts else facts["images"]
    return int(passed_on + facts.get("black", 0))


def _spectra(root: Path, assumed: Assumptions) -> Iterator[float]:
    """How many times as fast as assumed each job measured the spectra of a run."""
    for names, _, seconds in _finished(root, "spectra"):
        run = root / BY_RULE["finetune"].place(names)
        if run.is_file():
            yield stages.spectra_seconds(_network(run), assumed.cpu) / seconds


def _settings(record: Path, kind: type[Settings]) -> Settings:
    return from_json(kind, read_record(record)["settings"])


def _network(run: Path) -> stages.Network:
    """The network of a run, from the run's record."""
    network = _settings(run, FinetuneSettings).network
    return stages.network_of(network.model, network.input.size, read_record(run)["facts"]["classes"])


def _finished(root: Path, rule: str) -> Iterator[tuple[Names, Path, float]]:
    """The names, record and wall seconds of each finished job of a rule."""
    for path in sorted(root.glob(re.sub(r"\{\w+\}", "*", BY_RULE[rule].record))):
        recorded = job_of(str(path.relative_to(root)))
        seconds = read_provenance(provenance_of(path)).get("wall_seconds")
        if recorded is not None and seconds:
            yield recorded.names, path, seconds
