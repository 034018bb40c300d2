"""Names the files of a results folder that are not as their records state, or not as the study would make them now.

A record names the settings, code, inputs and outputs of its job. Everything is recomputed from the files and the
code at hand, so that a folder can be checked wherever it was copied to. A job is stale when its settings, its code
or the content of one of its inputs differ from the record, or when a job that it reads from is stale or tampered
with. A missing file makes nothing stale: it can be made again as its record has it.
"""

import functools
import graphlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from weightscape.errors import UserError
from weightscape.finetune.kept_weights import RECORD, WEIGHTS, is_dropped
from weightscape.formats.writing import digest, sha256
from weightscape.project import REPORT, ROOT
from weightscape.provenance.code_digest import code_digest
from weightscape.provenance.records import is_as_written
from weightscape.study import Config, settings, study
from weightscape.study.jobs import BY_RULE, RecordedJob, job_of, places
from weightscape.verification.results import Results


class Kind(StrEnum):
    """The fault of a file."""

    STALE = "stale"
    """The study would make another one now."""
    TAMPERED = "tampered"
    """It is not what its job wrote."""
    MISSING = "missing"
    EXTRA = "extra"
    """Nothing of the study makes it."""


@dataclass(frozen=True, order=True)
class Finding:
    """One file that is not as it should be, by its path below the results folder; why is for people."""

    place: str
    kind: Kind
    why: str


def verify(results: Results, config: Config | None, expected: Iterable[str] = ()) -> list[Finding]:
    """Every file that is not as recorded or not as the study with `config` would make it, in order of place.

    `expected` are the places of the study's records; without a config settings are compared with nothing.
    """
    wanted = set(expected)
    code = functools.cache(code_digest)
    findings = [Finding(place, Kind.TAMPERED, "the record cannot be read") for place in results.broken]
    findings += [
        Finding(place, Kind.MISSING, "its job is not done") for place in wanted - {*results.records, *results.broken}
    ]
    findings += [Finding(place, Kind.EXTRA, _why_extra(place)) for place in results.others]
    for place in results.records:
        if wanted and place not in wanted:
            findings.append(Finding(place, Kind.EXTRA, "its job is not part of the study"))
            continue
        if _is_dropped(results, place):
            results.dropped.append(place)
        findings += _changed_outputs(results, place)
        findings += _changed_origin(results, place, config, code)
    unique: dict[tuple[str, Kind], Finding] = {}
    for finding in findings:  # the first reason that was found stands
        unique.setdefault((finding.place, finding.kind), finding)
    return sorted([*unique.values(), *_downstream(results, findings)])


def _is_dropped(results: Results, place: str) -> bool:
    """Whether a record is that of a run whose weights are gone, one or both, as the record of its condition has it."""
    condition, _, name = place.removesuffix("/manifest.json").rpartition("/")
    return f"{condition}/{RECORD}" in results.records and is_dropped(results.root / condition / name)


def _why_extra(place: str) -> str:
    name = place.rpartition("/")[2]
    if name.startswith("checkpoint."):
        return "the checkpoint of an unfinished job"
    return "half written, left by a killed job" if name.endswith(".tmp") else "no record names it"


def _changed_outputs(results: Results, place: str) -> Iterator[Finding]:
    """The outputs of a record that are gone, but for dropped weights, or have another content."""
    folder = place.rpartition("/")[0]
    for name, recorded in results.records[place]["outputs"].items():
        output = f"{folder}/{name}"
        if output in results.contents:
            if results.contents[output] != recorded:
                yield Finding(output, Kind.TAMPERED, f"its sha256 is not that in {place}")
        elif place not in results.dropped or name not in WEIGHTS:
            yield Finding(output, Kind.MISSING, f"{place} names it")


def _changed_origin(results: Results, place: str, config: Config | None, code: Callable[..., str]) -> Iterator[Finding]:
    """How a record's settings, code and inputs differ from those of now."""
    record = results.records[place]
    job = job_of(place, record["stage"])
    if job is None:
        yield Finding(place, Kind.TAMPERED, f"its stage is {record['stage']!r}, which does not belong here")
        return
    if not is_as_written(record):
        yield Finding(place, Kind.TAMPERED, "it does not have the digest that it names")
        return
    if record["code"] != code(job.kind.program, *job.modules(record["settings"])):
        yield Finding(place, Kind.STALE, f"the code of stage {job.kind.program} changed")
    if config is not None:
        yield from _changed_study(place, record, config, job)
    for source, recorded in record["inputs"].items():
        now = _content(results, source)
        if now is None:
            if source not in results.broken and (config is None or "/" not in source):
                yield Finding(source, Kind.MISSING, f"{place} was made from it")
        elif now != recorded:
            yield Finding(place, Kind.STALE, f"its input {source} changed")


def _changed_study(place: str, record: dict[str, Any], config: Config, job: RecordedJob) -> Iterator[Finding]:
    """How a record's settings and choice of inputs differ from those of the study."""
    if digest(settings_of(job, config)) != digest(record["settings"]):
        yield Finding(place, Kind.STALE, "its settings changed")
    other = _other_inputs(config, job, set(record["inputs"]))
    if other is not None:
        yield Finding(place, Kind.STALE, other)


def _other_inputs(config: Config, recorded: RecordedJob, inputs: set[str]) -> str | None:
    """Why a job is stale although its settings agree: it read other files than it would read now; None if it did not.

    An evaluation must have read every split of the study, further ones do no harm. The quality of a generator is that
    of the images of exactly the study's recipes.
    """
    names = recorded.names
    if recorded.kind.program == "evaluate":
        splits = study.evaluated_splits(config, names["dataset"])
        wanted = {BY_RULE["data"].place({"dataset": names["dataset"], "split": split}) for split in splits}
        differing = wanted - inputs
    elif recorded.kind.rule == "measure_quality":
        recipes_of = BY_RULE["measure_quality"].place(names).replace("manifest.json", "recipe-")
        shards = (place.replace(".json", ".safetensors") for place in places(config, "generate"))
        wanted = {place for place in shards if place.startswith(recipes_of)}
        differing = wanted ^ {place for place in inputs if place.startswith(recipes_of)}
    else:
        return None
    first = min(differing, default=None)
    return first and f"it was {'not ' if first in wanted else ''}made from {first}"


def settings_of(job: RecordedJob, config: Config) -> dict[str, Any] | None:
    """The settings that the study would give to a job now; None if it has no such job."""
    try:
        return settings.settings(config, job.kind.rule, job.names)
    except (KeyError, StopIteration):
        return None


def _content(results: Results, source: str) -> str | None:
    """sha256 of an input as it is now, or as its own job made it if it was dropped; None if nobody knows."""
    if source in results.contents:
        return results.contents[source]
    if source in results.owner:
        folder = results.owner[source].rpartition("/")[0]
        return results.records[results.owner[source]]["outputs"][source.removeprefix(f"{folder}/")]
    parts_of_page = sorted(path for path in REPORT.rglob("*") if path.name == source)
    paths = [results.root / source] if "/" in source else [*parts_of_page, ROOT / source]
    return next((sha256(path) for path in paths if path.is_file()), None)


def _downstream(results: Results, findings: Iterable[Finding]) -> Iterator[Finding]:
    """The records that read from one that is not as it should be, directly or through others."""
    faults = [finding.place for finding in findings if finding.kind in (Kind.STALE, Kind.TAMPERED)]
    bad = {results.owner.get(place, place) for place in faults}
    sources: dict[str, set[str]] = {
        place: {results.owner.get(str(source), str(source)) for source in record["inputs"]}
        for place, record in results.records.items()
    }
    try:
        order = list(graphlib.TopologicalSorter(sources).static_order())
    except graphlib.CycleError as error:
        raise UserError(f"the records {', '.join(error.args[1])} name each other as inputs: delete them") from None
    for place in order:
        above = sorted(sources.get(place, set()) & bad)
        if place not in bad and above:
            bad.add(place)
            yield Finding(place, Kind.STALE, f"it was made from {above[0]}")
