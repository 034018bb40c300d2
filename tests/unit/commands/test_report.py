"""`weightscape report` draws what the study asked for."""

import json
from pathlib import Path

import pytest

from unit.figures import made_tables
from weightscape.cli import main
from weightscape.project import STAGE_FOLDERS
from weightscape.study.jobs import BY_RULE


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The results of a study that asked for two figures."""
    monkeypatch.setattr("weightscape.report.page.library", lambda: "window.vegaEmbed = null;")  # the real one is slow
    record = tmp_path / BY_RULE["report"].record
    for folder in (record.parent, tmp_path / STAGE_FOLDERS["metrics"]):
        folder.mkdir()
    for name, table in made_tables.study(layers=4).items():
        table.to_parquet(tmp_path / STAGE_FOLDERS["metrics"] / f"{name}.parquet")
    settings = {"title": "two", "figures": ["claims", "hill"], "config": None, "differences": None}
    rest = {"stage": "report", "code": "", "inputs": {}, "outputs": {}, "facts": {}}
    record.write_text(json.dumps({"settings": settings, **rest}))
    return tmp_path


def drawn(results: Path, *flags: str) -> set[str]:
    """The figures that the command draws."""
    assert main(["report", str(results), "--out", str(results / "page"), *flags]) == 0
    return {path.stem for path in (results / "page" / "figures").glob("*.png")}


@pytest.mark.parametrize(
    ("flags", "names"), [((), {"claims", "hill"}), (("--figure", "esd"), {"esd"})], ids=["study", "flag"]
)
def test_the_figures_are_those_of_the_study_or_of_the_flag(
    results: Path, flags: tuple[str, ...], names: set[str]
) -> None:
    assert drawn(results, *flags) == names
