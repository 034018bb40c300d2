"""The stamp by which a project folder and a results folder know that they belong together.

Snakemake tells a changed setting only from its own records in the project folder (`.snakemake`). Results that came
without them would count as done for ever, so that they are refused until `weightscape adopt` has checked them.
"""

import os
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from weightscape.errors import UserError
from weightscape.formats.json_yaml import read_json, write_json
from weightscape.formats.writing import files_below
from weightscape.provenance.records import STAGE_FOLDER
from weightscape.study import Config
from weightscape.study.jobs import expected

ADOPTING = "WEIGHTSCAPE_ADOPTING"
"""Set in the environment while `weightscape adopt` has Snakemake record what is done."""
PROJECT = Path(".snakemake/weightscape-owner")
RESULTS = Path(".owner")


def check(results: Path, project: Path, config: Config) -> None:
    """Stop if the project's results folder holds results that Snakemake has no records of."""
    if ADOPTING in os.environ:
        return
    ours, theirs = _read(project / PROJECT), _read(project / results / RESULTS)
    if ours.owner is None or ours.owner != theirs.owner:
        first = next(results_in(project / results), None)
        if first is not None:
            raise UserError(
                f"{results} holds results that came from elsewhere, or whose .snakemake was lost (the first: "
                f"{first.relative_to(project / results)}), so that nobody could tell which are stale: "
                "run `weightscape adopt`, or move them away"
            )
    elif left := sorted(expected(config).intersection(theirs.left)):
        raise UserError(
            f"{results} holds {len(left)} results that were no part of the study when it was adopted (the first: "
            f"{left[0]}), so that nobody could tell which are stale: run `weightscape adopt`, or move them away"
        )


def results_in(folder: Path) -> Iterator[Path]:
    """Every file in the numbered stage folders of a results folder."""
    for stage in sorted(folder.glob("[1-8]_*")):
        if STAGE_FOLDER.match(stage.name):
            yield from files_below(stage)


def stamp(results: Path, project: Path, left: Iterable[str] | None = None) -> None:
    """Write one id into both folders; `left` are the records that an adoption left out, as before if it is None."""
    theirs = _read(project / results / RESULTS)
    owner = _read(project / PROJECT).owner or uuid.uuid4().hex
    write_json(project / PROJECT, {"owner": owner})
    write_json(project / results / RESULTS, {"owner": owner, "left": theirs.left if left is None else sorted(left)})


@dataclass(frozen=True)
class _Stamp:
    owner: str | None = None
    left: list[str] = field(default_factory=list)


def _read(path: Path) -> _Stamp:
    return _Stamp(**read_json(path)) if path.is_file() else _Stamp()
