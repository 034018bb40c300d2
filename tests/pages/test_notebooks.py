"""The notebooks run from top to bottom, as they are."""

import json
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from weightscape.project import ROOT

NOTEBOOKS = sorted((ROOT / "workflow/docs/notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mpl.use("agg")
    names: dict[str, object] = {}
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    for cell in cells:
        exec(compile("".join(cell["source"]), str(path), "exec"), names)
    plt.close("all")
    assert len(cells) >= 3 and not any(cell["outputs"] for cell in cells)


def test_there_are_two() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["diversity", "spectra"]
