"""What finished runs took per image, by their records: rates of devices to take in place of those that are assumed.

A pilot of a few short runs on the machines that a study will use tells what they reach with its networks. Each rate is
the median over the jobs of (operations as `costs` counts them) / (wall seconds): jobs that were interrupted, and a
first one that compiles, do not carry it. Start-up is part of what is measured, so that pilots should be no shorter
than a minute a job.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from weightscape.costs import generation, stages
from weightscape.errors import UserError
from weightscape.formats.json_yaml import read_json
from weightscape.provenance.records import provenance_of, read_provenance
from weightscape.study.jobs import BY_RULE, Names, job_of

Record = Mapping[str, Any]


class Measured(NamedTuple):
    """Operations and seconds of one job, and the images that it showed or made (0 for spectra)."""

    what: str
    operations: float
    seconds: float
    images: int


def calibrated(assumed: Record, root: Path) -> tuple[dict[str, Any], list[str]]:
    """The assumptions with the rates that the jobs below `root` reached, and a line on each of these."""
    gpu, cpu = dict(assumed["gpu"]), dict(assumed["cpu"])
    try:
        trained, sampled, spectra = list(_trained(root)), list(_sampled(root)), list(_spectra(root, cpu))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UserError(f"{root} holds records that this project did not write: name another folder") from None
    lines = []
    if trained:
        rate, text = _reached(trained, root)
        ratio = rate / (gpu["peak_tflops"] * 1e12) / gpu["training_use"]
        gpu |= {name: ratio * gpu[name] for name in ("training_use", "inference_use")}
        lines.append(f"Training is measured: {text}; inference is taken to change by as much.")
    if sampled:
        rate, text = _reached(sampled, root)
        gpu["sampling_use"] = rate / (gpu["peak_tflops"] * 1e12)
        lines.append(f"Sampling is measured: {text}.")
    if spectra:
        ratio = median(job.operations / job.seconds for job in spectra)  # seconds as assumed over seconds as measured
        cpu |= {name: ratio * cpu[name] for name in ("gflops", "eigen_gflops")}
        lines.append(f"Spectra are measured: {ratio:.2f} times as fast as assumed, the median of {len(spectra)} jobs.")
    if not lines:
        raise UserError(f"{root} holds no finished runs: name the results folder of a study that was run")
    return {**assumed, "gpu": gpu, "cpu": cpu}, lines


def _reached(jobs: list[Measured], root: Path) -> tuple[float, str]:
    """Operations per second, and this in words with the milliseconds per image of each network or recipe."""
    rate = median(job.operations / job.seconds for job in jobs)
    names = dict.fromkeys(job.what for job in jobs)
    took = {name: median(1e3 * job.seconds / job.images for job in jobs if job.what == name) for name in names}
    each = ", ".join(f"{name} {value:.3g} ms per image" for name, value in took.items())
    return rate, f"{rate / 1e12:.3g} TFLOP/s, the median of {len(jobs)} jobs in {root} ({each})"


def _trained(root: Path) -> Iterator[Measured]:
    for names, record, seconds in _finished(root, "finetune"):
        training, shown = record["settings"]["training"], _shown(record)
        net = _network(record)
        operations = generation.BACKWARD * net.operations * shown
        if training["steps"]:
            yield Measured(names["backbone"], operations, seconds, shown)


def _shown(record: Record) -> int:
    training = record["settings"]["training"]
    return int(training["steps"] * training["batch_size"])


def _network(record: Record) -> stages.Network:
    network = record["settings"]["network"]
    return stages.network_of(network["model"], network["input"]["size"], record["facts"]["classes"])


def _sampled(root: Path) -> Iterator[Measured]:
    """Jobs of pipelines of diffusers; the small model that is trained here costs next to nothing."""
    for _, record, seconds in _finished(root, "generate"):
        settings, images = record["settings"], _made(record["facts"])
        pipeline = settings.get("pipeline")
        if pipeline is not None and images:
            strength = pipeline["strength"] if settings["kind"] == "image_to_image" else 1.0
            steps = round(pipeline["steps"] * strength)
            each = generation.pipeline_operations(pipeline["size"], steps, settings["guidance"] > 1)
            yield Measured(settings["recipe"], images * each, seconds, images)


def _made(facts: Record) -> int:
    """Images that were sampled, be they kept or left out by the safety checker or the gate."""
    passed_on = facts["gate"]["images"] if "gate" in facts else facts["images"]
    return int(passed_on + facts.get("refused_by_safety_checker", 0))


def _spectra(root: Path, cpu: Record) -> Iterator[Measured]:
    """`operations` are the seconds that the shapes and the assumed rates give."""
    for names, _, seconds in _finished(root, "spectra"):
        run = root / BY_RULE["finetune"].place(names)
        if run.is_file():
            yield Measured("spectra", stages.spectra_seconds(_network(read_json(run)), cpu), seconds, 0)


def _finished(root: Path, rule: str) -> Iterator[tuple[Names, Record, float]]:
    """The names, record and wall seconds of each finished job of a rule."""
    for path in sorted(root.glob(re.sub(r"\{\w+\}", "*", BY_RULE[rule].record))):
        recorded = job_of(str(path.relative_to(root)))
        seconds = read_provenance(provenance_of(path)).get("wall_seconds")
        if recorded is not None and seconds is not None:
            yield recorded.names, read_json(path), seconds
