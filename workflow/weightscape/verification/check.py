"""Checks a results folder against the study that made it, which its report names."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

from weightscape.errors import UserError
from weightscape.formats.json_yaml import read_json
from weightscape.formats.writing import sha256
from weightscape.provenance.records import STAGE_FOLDER, is_file_name, provenance_of, read_provenance
from weightscape.published.table_files import csv_files
from weightscape.study import Config
from weightscape.study.config import load
from weightscape.study.jobs import BY_RULE, expected
from weightscape.verification.results import Results, read_results
from weightscape.verification.verification import Finding, Kind, verify


def check(root: Path, full: Path, difference: Path | None) -> tuple[Results, list[Finding]]:
    """The results below `root` and what is wrong with them, if they are of the study that the files describe."""
    results, config = read_results(root), load(full, difference)
    return results, [*verify(results, config, expected(config)), *changed_tables(results, config)]


def outdated(root: Path, config: Config) -> set[str]:
    """Places of the records that the study of `config` would make anew: by settings, code and what they read from.

    Files are taken to be as their records have them, which `check` reads to see.
    """
    if not any(STAGE_FOLDER.match(path.name) for path in root.glob("*/")):
        return set()
    results = read_results(root, hashed=False)
    findings = [*verify(results, config, expected(config)), *changed_tables(results, config)]
    return {finding.place for finding in findings if finding.kind in (Kind.STALE, Kind.TAMPERED)}


def changed_tables(results: Results, config: Config) -> list[Finding]:
    """Finds that published tables, or the file of their conditions, changed since the reanalysis, came or went."""
    place, block = BY_RULE["reanalyse"].record, config["reanalyse"]
    facts = results.records.get(place, {}).get("facts", {})
    folder = Path(block["tables"])
    tables = facts["tables"] if isinstance(facts.get("tables"), dict) else {}
    recorded = {folder / name: digest for name, digest in tables.items() if is_file_name(name)}
    recorded[Path(block["conditions"])] = facts.get("conditions", "")
    changed = [path for path, digest in recorded.items() if digest and path.is_file() and sha256(path) != digest]
    listed = facts.get("csv_files")
    if folder.is_dir() and isinstance(listed, list):
        changed += [folder / name for name in sorted({*csv_files(folder)} ^ {*filter(is_file_name, listed)})]
    return [Finding(place, Kind.STALE, f"its input {changed[0]} changed")] if changed else []


def other_versions(results: Results, lock: Path) -> list[str]:
    """A line for each package of which results have another version than the lock file.

    One more line is for results whose provenance is gone or broken.
    """
    if not lock.is_file():
        return []
    pinned = dict(re.findall(r"^([A-Za-z0-9_.-]+)==([^\s\\;]+)", lock.read_text(), re.MULTILINE))
    versions_made: Counter[tuple[str, str]] = Counter()
    unknown = []
    for place in results.records:
        path = provenance_of(results.root / place)
        versions = _versions(path)
        if versions is None:
            unknown.append(path)
        else:
            versions_made.update((package, made) for package, made in versions.items() if made and package in pinned)
    return [
        f"note: {count} results were made with {package} {made}, the lock file has {pinned[package]}; nothing reruns"
        for (package, made), count in sorted(versions_made.items())
        if made.partition("+")[0] != pinned[package].partition("+")[0]
    ] + [
        f"note: {len(unknown)} results have no provenance that can be read, so that nobody knows their versions and "
        f"times, first {path}; nothing reruns"
        for path in unknown[:1]
    ]


def _versions(path: Path) -> dict[str, str | None] | None:
    """The version of each package in a provenance file; None if it is gone or broken."""
    versions = read_provenance(path).get("versions")
    return versions if versions and all(isinstance(made, str | None) for made in versions.values()) else None


def study_file(root: Path, full: Path) -> Path | None:
    """The file of workflow/studies that results were made by, by the name in their report; None for config.yaml."""
    record = root / BY_RULE["report"].record
    if record.is_file():
        name = _title(read_json(record))
    else:
        name = root.resolve().name if root.resolve().parent.name == "studies" else None
    path = full.parent / "workflow" / "studies" / f"{name}.yaml"
    if name is not None and is_file_name(path.name) and path.is_file():
        return path
    if name is None or is_own(root, full) or name == load(full, None)["study"]["name"]:
        return None
    raise UserError(
        f"{root} is of the study {name!r}, of which {path.parent} has no file: name its file by --configfile"
    )


def is_own(root: Path, full: Path) -> bool:
    """Whether these are the results of config.yaml itself."""
    return root.resolve() == (full.parent / "results").resolve()


def _title(record: Any) -> str | None:
    try:
        return str(record["settings"]["title"])
    except (KeyError, TypeError):
        raise UserError("the record of the report names no study: name its file by --configfile") from None
