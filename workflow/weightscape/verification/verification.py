"""Are results what their records say, and are they what the study would make now?

A record names the settings, code, inputs and outputs of its job. Everything is recomputed from the files and the
code at hand, so that a folder can be checked wherever it was copied to. A job is stale when its settings, its code
or the content of one of its inputs differ from the record, or when a job that it reads from is stale or tampered
with. A missing file makes nothing stale: it can be made again as its record has it.
"""

import graphlib
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weightscape.errors import UserError
from weightscape.finetune.dropped import RECORD, WEIGHTS, is_dropped
from weightscape.formats.writing import digest, files_below, sha256
from weightscape.project import ROOT
from weightscape.provenance.code_digest import code_digest
from weightscape.provenance.records import STAGE_FOLDER, is_as_written, provenance_of, read_record
from weightscape.study import settings
from weightscape.study.config_type import Config
from weightscape.study.jobs import RecordedJob, job_of, unread

ASIDE = ("logs", "studies", "example", "bench", "snakemake.html")
"""What lies beside the stages and is no result: logs, further studies, pictures and benchmarks."""

REPORT_PARTS = ROOT / "workflow" / "report"
"""Where the inputs lie that are no results: captions and the page's template."""


@dataclass(frozen=True, order=True)
class Finding:
    """One file that is not as it should be: `stale`, `tampered`, `missing` or `extra`, and why."""

    place: str
    kind: str
    why: str


@dataclass
class Results:
    """What lies in a results folder: records by place, the sha256 of recorded outputs, and every other file.

    `dropped` are the records, as `verify` finds them, of runs whose weights are not meant to be there any more.
    """

    root: Path
    records: dict[str, dict[str, Any]]
    broken: dict[str, str]
    contents: dict[str, str]
    others: list[str]
    owner: dict[str, str] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)

    def outputs_of(self, place: str) -> list[str]:
        """Places of the files that a record names."""
        folder = place.rpartition("/")[0]
        return [f"{folder}/{name}" for name in self.records[place]["outputs"]]

    def files_of(self, place: str) -> list[Path]:
        """Every file of a record's job: its outputs, the record itself and its provenance."""
        record = self.root / place
        outputs = self.outputs_of(place) if place in self.records else []
        return [*(self.root / output for output in outputs), provenance_of(record), record]


def read_results(root: Path) -> Results:
    """Read every record below `root` and the sha256 of every file that a record names, on all cores."""
    places = _places(root)
    if not places:
        raise UserError(f"{root} holds no results (numbered folders of stages): name a results folder")
    records, broken = {}, {}
    for place in places:
        if job_of(place) is not None:
            try:
                records[place] = read_record(root / place)
            except UserError as error:
                broken[place] = str(error)
    results = Results(root, records, broken, {}, [])
    for place in records:
        for output in results.outputs_of(place):
            results.owner[output] = place
    present = [output for output in results.owner if output in places]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        results.contents = dict(zip(present, pool.map(lambda place: sha256(root / place), present), strict=True))
    known = {str(path.relative_to(root)) for place in places if job_of(place) for path in results.files_of(place)}
    results.others = sorted({*(places - known), *_strangers(root)})
    return results


def _strangers(root: Path) -> list[str]:
    """Files and folders beside the stage folders that are not the project's."""
    return [
        path.name
        for path in root.iterdir()
        if path.name not in ASIDE and not path.name.startswith(".") and not STAGE_FOLDER.match(path.name)
    ]


def _places(root: Path) -> set[str]:
    """Every file in the numbered stage folders of a results folder."""
    try:
        folders = sorted(path for path in root.iterdir() if path.is_dir() and STAGE_FOLDER.match(path.name))
    except OSError as error:
        raise UserError(f"{root} cannot be read ({error.strerror}): name a results folder") from None
    return {str(path.relative_to(root)) for folder in folders for path in files_below(folder)}


def verify(results: Results, config: Config | None, expected: Iterable[str] = ()) -> list[Finding]:
    """Every file that is not as recorded or not as the study with `config` would make it, in order of place.

    `expected` are the places of the study's records; without a config settings are compared with nothing.
    """
    wanted = set(expected)
    codes: dict[tuple[str, ...], str] = {}
    findings = [Finding(place, "tampered", "the record cannot be read") for place in results.broken]
    findings += [Finding(place, "missing", "its job is not done") for place in wanted - set(_all(results))]
    findings += [Finding(place, "extra", _why_extra(place)) for place in results.others]
    for place, record in results.records.items():
        if wanted and place not in wanted:
            findings.append(Finding(place, "extra", "its job is not part of the study"))
            continue
        if _is_dropped(results, place):
            results.dropped.append(place)
        findings += _changed_outputs(results, place)
        findings += _changed_origin(results, place, record, config, codes)
    unique: dict[tuple[str, str], Finding] = {}
    for finding in findings:  # the first reason that was found stands
        unique.setdefault((finding.place, finding.kind), finding)
    return sorted([*unique.values(), *_downstream(results, findings)])


def _is_dropped(results: Results, place: str) -> bool:
    """Whether a record is that of a run whose weights are gone, one or both, as the record of its condition has it."""
    condition, _, name = place.removesuffix("/manifest.json").rpartition("/")
    return f"{condition}/{RECORD}" in results.records and is_dropped(results.root / condition / name)


def _all(results: Results) -> list[str]:
    return [*results.records, *results.broken]


def _why_extra(place: str) -> str:
    name = place.rpartition("/")[2]
    if name.startswith("checkpoint."):
        return "the checkpoint of an unfinished job"
    return "half written, left by a killed job" if name.endswith(".tmp") else "no record names it"


def _changed_outputs(results: Results, place: str) -> list[Finding]:
    folder = place.rpartition("/")[0]
    found = []
    for name, recorded in results.records[place]["outputs"].items():
        output = f"{folder}/{name}"
        if output not in results.contents:
            if place in results.dropped and name in WEIGHTS:
                continue
            found.append(Finding(output, "missing", f"{place} names it"))
        elif results.contents[output] != recorded:
            found.append(Finding(output, "tampered", f"its sha256 is not that in {place}"))
    return found


def _changed_origin(
    results: Results,
    place: str,
    record: Mapping[str, Any],
    config: Config | None,
    codes: dict[tuple[str, ...], str],
) -> list[Finding]:
    """How a record's settings, code and inputs differ from those of now."""
    job = job_of(place, record["stage"])
    if job is None:
        return [Finding(place, "tampered", f"its stage is {record['stage']!r}, which does not belong here")]
    if not is_as_written(record):
        return [Finding(place, "tampered", "it does not have the digest that it names")]
    found = []
    key = (job.kind.program, *job.modules(record["settings"]))
    if key not in codes:
        codes[key] = code_digest(*key)
    if record.get("code") != codes[key]:
        found.append(Finding(place, "stale", f"the code of stage {job.kind.program} changed"))
    sliced = (
        job.kind.rule == "figure" or job.kind.rule in settings.STAGES
    )  # what was fetched is named by its own record alone
    if config is not None and sliced and digest(settings_of(job, config)) != digest(record["settings"]):
        found.append(Finding(place, "stale", "its settings changed"))
    other = unread(config, job, set(record["inputs"])) if config is not None else None
    if other is not None:
        found.append(Finding(place, "stale", other))
    for source, recorded in record["inputs"].items():
        now = _content(results, source)
        if now is None:
            if source not in results.broken and (config is None or "/" not in source):
                found.append(Finding(source, "missing", f"{place} was made from it"))
        elif now != recorded:
            found.append(Finding(place, "stale", f"its input {source} changed"))
    return found


def settings_of(job: RecordedJob, config: Config) -> dict[str, Any] | None:
    """The settings that the study would give to a job now; None where it has no such job."""
    if job.kind.rule == "figure":
        return {}
    try:
        return settings.settings(config, job.kind.rule, job.names)
    except (KeyError, StopIteration):
        return None


def _content(results: Results, source: str) -> str | None:
    """sha256 of an input as it is now, or, where it was dropped, as its own job made it; None if nobody knows."""
    if source in results.contents:
        return results.contents[source]
    if source in results.owner:
        folder = results.owner[source].rpartition("/")[0]
        return results.records[results.owner[source]]["outputs"][source.removeprefix(f"{folder}/")]
    paths = [results.root / source] if "/" in source else [*_parts_called(source), ROOT / source]
    return next((sha256(path) for path in paths if path.is_file()), None)


def _parts_called(name: str) -> list[Path]:
    """The captions, template or other parts of the page of this name."""
    return sorted(path for path in REPORT_PARTS.rglob("*") if path.name == name)


def _downstream(results: Results, findings: Iterable[Finding]) -> list[Finding]:
    """The records that read from one that is not as it should be, directly or through others."""
    faults = [finding.place for finding in findings if finding.kind in ("stale", "tampered")]
    bad = {results.owner.get(place, place) for place in faults}
    sources: dict[str, set[str]] = {
        place: {results.owner.get(str(source), str(source)) for source in record["inputs"]}
        for place, record in results.records.items()
    }
    try:
        order = list(graphlib.TopologicalSorter(sources).static_order())
    except graphlib.CycleError as error:
        raise UserError(f"the records {', '.join(error.args[1])} name each other as inputs: delete them") from None
    found = []
    for place in order:
        if place in bad or place not in sources:
            continue
        above = sorted(sources[place] & bad)
        if above:
            bad.add(place)
            found.append(Finding(place, "stale", f"it was made from {above[0]}"))
    return found
