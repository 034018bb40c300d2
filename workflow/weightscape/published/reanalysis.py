"""A reanalysis from tables to page: what `weightscape reanalyse` and the stage of that name have in common."""

from dataclasses import dataclass
from pathlib import Path

from weightscape.formats.writing import replacing, sha256
from weightscape.metrics.analysis.settings import Options
from weightscape.published.conditions import Conditions


@dataclass(frozen=True)
class Places:
    """Where the tables, the figures and the page are written."""

    tables: Path
    figures: Path
    page: Path


@dataclass(frozen=True)
class Made:
    """What was read and written, and the gaps in sentences."""

    inputs: list[Path]
    outputs: list[Path]
    gaps: list[str]

    def digests(self, folder: Path) -> dict[str, str]:
        """sha256 of each table that was read, by its path below `folder`."""
        return {path.relative_to(folder).as_posix(): sha256(path) for path in self.inputs}


def reanalyse(folder: Path, conditions: Conditions, options: Options, places: Places) -> Made:
    """Read the tables in `folder`, analyse them, and write tables, figures and page."""
    from weightscape.published import figures
    from weightscape.published.analysis import analyse
    from weightscape.published.page import page

    results, inputs = analyse(folder, conditions, options)
    outputs = [*results.write(places.tables), *figures.draw(results, conditions, places.figures)]
    with replacing(places.page) as temporary:
        temporary.write_text(page(results, conditions, places.figures, len(set(inputs))), encoding="utf-8")
    return Made(sorted(set(inputs)), [*outputs, places.page], list(results.gaps["sentence"]))
