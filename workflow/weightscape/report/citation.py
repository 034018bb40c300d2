"""Tells what to cite, from the project's CITATION.cff."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Citation:
    """A request to cite, and one line for each work."""

    message: str
    lines: list[str]


def citation_files(parts: Path) -> list[Path]:
    """The project's CITATION.cff, if `parts` lies in the project."""
    path = parts.resolve().parents[1] / "CITATION.cff"
    return [path] if path.is_file() else []


def citation(path: Path) -> Citation:
    """The works to cite, from CITATION.cff."""
    import yaml

    cff = yaml.safe_load(path.read_text())
    return Citation(cff["message"], [_reference(entry) for entry in (cff, *cff.get("references", []))])


def _reference(entry: Mapping[str, Any]) -> str:
    authors = ", ".join(author.get("family-names") or author["name"] for author in entry["authors"])
    rest = [f"Version {entry['version']}" if "version" in entry else "", entry.get("url", "")]
    return f"{authors}: {entry['title'].rstrip('?.')}. {', '.join(filter(None, rest))}".strip()
