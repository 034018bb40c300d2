"""Results as tables in memory: a finished study by `ws.load_study`, published tables by `ws.reanalyse`."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from weightscape.errors import UserError
from weightscape.library.arguments import path
from weightscape.project import STAGE_FOLDERS

if TYPE_CHECKING:
    import pandas as pd


class Tables(Mapping[str, "pd.DataFrame"]):
    """Tables of a folder by name; each is read when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        found = [
            *sorted(folder.glob("*.csv")),
            *sorted(folder.glob("*.parquet")),
        ]  # of both, parquet, which keeps types
        self._paths = {each.stem: each for each in found}
        self._read: dict[str, pd.DataFrame] = {}

    def __getitem__(self, name: str) -> "pd.DataFrame":
        import pandas as pd

        from weightscape.formats.tables import read_table

        if name not in self._paths:
            raise UserError(f"there is no table {name!r}; those there are {', '.join(self._paths)}")
        if name not in self._read:
            file = self._paths[name]
            self._read[name] = read_table(file) if file.suffix == ".parquet" else pd.read_csv(file)
        return self._read[name]

    def __contains__(self, name: object) -> bool:
        return name in self._paths

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


@dataclass(frozen=True)
class Study:
    """A finished study: tidy tables by name, files of figures by name, and the page.

    The tables that people use have attributes of their own: `runs` (one row per run), `layers`, `effects`, `tests`,
    `claims`. Columns and units: workflow/schemas/tables.schema.yaml.
    """

    folder: Path
    tables: Tables
    figures: Mapping[str, Path]
    report: Path | None

    @property
    def runs(self) -> "pd.DataFrame":
        """One row per fine-tuned network: condition, accuracies, losses."""
        return self.tables["runs"]

    @property
    def layers(self) -> "pd.DataFrame":
        """One row per run, layer and matrix: its spectral metrics."""
        return self.tables["layers"]

    @property
    def effects(self) -> "pd.DataFrame":
        """Effects: the change of each metric by each condition, against the baseline runs."""
        return self.tables["effects"]

    @property
    def tests(self) -> "pd.DataFrame":
        """Tests of the effects, with intervals and p-values."""
        return self.tables["tests"]

    @property
    def claims(self) -> "pd.DataFrame":
        """The claims with their verdicts and reasons."""
        return self.tables["claims"]


def load_study(results: str | os.PathLike[str]) -> Study:
    """Opens the results of a study, as a workflow wrote them, wherever they were copied to.

    results  a results folder (`results`, `results/studies/NAME`), or its folder of tables alone

    Gives a `Study`. A table is read when it is first asked for.

    Raises `UserError` if there are no tables.

    >>> import tempfile
    >>> import pandas as pd
    >>> import weightscape as ws
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     pd.DataFrame({"family": ["noise", "noise"], "train_accuracy": [0.91, 0.93]}).to_csv(f"{folder}/runs.csv")
    ...     print(ws.load_study(folder).runs.groupby("family")["train_accuracy"].mean().round(2).to_dict())
    {'noise': 0.92}
    """
    folder = path(results, "results")
    of_study = folder / STAGE_FOLDERS["metrics"]
    tables = Tables(of_study if of_study.is_dir() else folder)
    if not tables:
        raise UserError(f"{results} has no tables (parquet, csv): name a results folder or its folder of tables")
    figures = {each.stem: each for each in sorted((folder / STAGE_FOLDERS["figures"]).glob("*.png"))}
    report = folder / STAGE_FOLDERS["report"] / "report.html"
    return Study(folder, tables, figures, report if report.is_file() else None)


@dataclass(frozen=True)
class Reanalysis:
    """A reanalysis: its tables by name, the gaps in sentences, and the page if one was written."""

    tables: "Mapping[str, pd.DataFrame]"
    gaps: tuple[str, ...]
    page: Path | None


def reanalyse(
    tables: str | os.PathLike[str],
    conditions: str | os.PathLike[str] | Mapping[str, object],
    out: str | os.PathLike[str] | None = None,
) -> Reanalysis:
    """Analyses tables of spectra, before and after training, by the published procedure and by ours.

    tables      folder of csv or csv.gz tables, of WeightWatcher or of `ws.spectra`
    conditions  how they are named, and the families and doses of the conditions: a file, or its content; keys:
                workflow/schemas/conditions.schema.yaml
    out         folder for the tables, the figures and index.html; nothing is written without it

    Gives a `Reanalysis`. Its tables are `published` (the paper's tests), `effects` (in the units of the metrics),
    `similarity`, `claims`, `exclusions` and more.

    Raises `UserError` for conditions that break their schema, and if tables are missing or cannot be read.

    >>> import weightscape as ws
    >>> from weightscape.project import WORKFLOW
    >>> published = WORKFLOW / "studies" / "published"
    >>> result = ws.reanalyse(published / "toy", published / "conditions.yaml")
    >>> sorted(result.tables["effects"]["family"].unique())
    ['augment', 'augment_with_noise', 'dropout', 'noise', 'weight_decay']
    """
    from weightscape.formats.json_yaml import read_yaml
    from weightscape.project import DEFAULT_CONFIG
    from weightscape.published import conditions as conditions_file
    from weightscape.published.analysis import analyse
    from weightscape.published.settings import options

    if isinstance(conditions, Mapping):
        known = conditions_file.checked(json.loads(json.dumps(conditions, default=str)))  # names of conditions are text
    else:
        known = conditions_file.read(path(conditions, "conditions"))
    tested = options(read_yaml(DEFAULT_CONFIG)["analyse"])
    folder = path(tables, "tables")
    results, inputs = analyse(folder, known, tested)
    page = None
    if out is not None:
        from weightscape.published.page import Places, write

        place = path(out, "out")
        page = place / "index.html"
        write(results, inputs, known, tested, Places(place, place / "figures", page))
    made = {name: table.reset_index(drop=True) for name, table in vars(results).items()}
    return Reanalysis(made, tuple(results.gaps["sentence"]), page)
