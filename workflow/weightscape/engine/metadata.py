"""Who works on a project folder, and which of its results the workflow engine knows.

Snakemake tells a changed setting only from its own metadata (`.snakemake`, relative to the project folder). Results
that came without it would count as done for ever, so that they are refused until `weightscape adopt` has checked
them by their records.
"""

import json
import os
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path

from weightscape.engine.snakefile import LONGEST_NAME
from weightscape.errors import UserError
from weightscape.formats.json_yaml import read_json
from weightscape.formats.packed_text import packed
from weightscape.formats.writing import files_below
from weightscape.provenance.records import STAGE_FOLDER, read_record
from weightscape.study.config_type import Config
from weightscape.study.jobs import expected, job_of

ADOPTING = "WEIGHTSCAPE_ADOPTING"
"""Set in the environment while `weightscape adopt` writes the metadata that is missing."""


def check_known(results: Path, project: Path, config: Config) -> None:
    """Stop if the project's results folder holds results of the study that Snakemake does not know."""
    found = [] if ADOPTING in os.environ else list(unknown(results, project))
    if found and (found := sorted(expected(config).intersection(found))):
        raise UserError(
            f"{results} holds {len(found)} results without Snakemake's metadata, or with that of others (the first: "
            f"{found[0]}), so that it could not tell which are stale: run `weightscape adopt`, or move them away"
        )


def unknown(results: Path, project: Path) -> Iterator[str]:
    """Places of the records below `results` (relative to the project) for which Snakemake has no metadata, or that of
    a job with other settings or code: results that were copied over those that it made."""
    for folder in sorted((project / results).glob("[1-8]_*")):
        if not STAGE_FOLDER.match(folder.name):
            continue
        for path in files_below(folder):
            place = str(path.relative_to(project / results))
            if path.suffix == ".json" and job_of(place) and not _is_known(path, f"{results}/{place}", project):
                yield place


def _is_known(record: Path, output: str, project: Path) -> bool:
    """Whether Snakemake has metadata of the job that a record names, or a mark that its output was being made."""
    name = urlsafe_b64encode(output.encode()).decode()
    parts = [name[at : at + LONGEST_NAME] for at in range(0, len(name), LONGEST_NAME)]
    path = Path(*(f"@{part}" for part in parts[:-1]), parts[-1])
    known = project / ".snakemake"
    if (known / "incomplete" / path).exists():
        return True
    try:
        params = read_json(known / "metadata" / path)["params"]
    except (UserError, OSError, KeyError, TypeError):
        return False
    try:
        made = read_record(record)
    except UserError:  # whoever reads it says so
        return True
    return {repr(made["code"]), repr(packed(json.dumps(made["settings"], sort_keys=True)))}.issubset(params)
