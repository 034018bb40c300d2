"""Reads a results folder: its records, the content of the files that they name, and every other file."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weightscape.errors import UserError
from weightscape.formats.writing import files_below, sha256
from weightscape.provenance.records import STAGE_FOLDER, provenance_of, read_record
from weightscape.study.jobs import job_of

ASIDE = ("logs", "studies", "example", "bench", "docs", "snakemake.html")
"""What lies beside the stages and is no result: logs, further studies, pictures, benchmarks and pages."""


@dataclass
class Results:
    """The content of a results folder: records by place, the sha256 of recorded outputs, and every other file.

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


def read_results(root: Path, hashed: bool = True) -> Results:
    """Read every record below `root` and the sha256 of every file that a record names, on all cores.

    Without `hashed` the files count as their records have them.
    """
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
    if hashed:
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            results.contents = dict(zip(present, pool.map(lambda place: sha256(root / place), present), strict=True))
    else:
        outputs = {output: results.records[place]["outputs"] for output, place in results.owner.items()}
        results.contents = {output: outputs[output][output.rpartition("/")[2]] for output in present}
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
    try:
        folders = sorted(path for path in root.iterdir() if path.is_dir() and STAGE_FOLDER.match(path.name))
    except OSError as error:
        raise UserError(f"{root} cannot be read ({error.strerror}): name a results folder") from None
    return {str(path.relative_to(root)) for folder in folders for path in files_below(folder)}
