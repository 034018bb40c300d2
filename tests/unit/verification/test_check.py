"""The results of a study of published tables are what their records say, and a change of theirs is seen."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import unit.published.made_folders as made
from weightscape.formats.typed import to_json
from weightscape.stages import reanalyse
from weightscape.study.jobs import expected
from weightscape.verification.check import changed_tables
from weightscape.verification.results import read_results
from weightscape.verification.verification import verify

PATTERNS = ("{dataset}/{condition}.after.csv", "{dataset}/{condition}.before.csv")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A finished study of published tables, in `results` beside the folder of its tables."""
    root = tmp_path_factory.mktemp("published")
    (root / "conditions.yaml").write_text(yaml.safe_dump(made.content(*PATTERNS), sort_keys=False))
    tables = made.write(root / "tables", made.tables({"cats": [1, 2, 3, 4]}), lambda d, c, r: f"{d}/{c}.{r}.csv")
    (tables / "notes.csv").write_text("of no condition\n")
    settings = {"conditions": str(root / "conditions.yaml"), "analyse": to_json(made.OPTIONS)}
    out = root / "results"
    words = ["--tables", str(tables), "--conditions", settings["conditions"], "--out", str(out / "6_metrics")]
    words += ["--figures", str(out / "7_figures"), "--page", str(out / "8_report" / "report.html")]
    reanalyse.main([*words, "--settings", json.dumps(settings)])
    return {"study": {"start": "tables"}, "reanalyse": {"tables": str(tables), "conditions": settings["conditions"]}}


def found(config: dict[str, Any]) -> list[tuple[str, str]]:
    results = read_results(Path(config["reanalyse"]["tables"]).parent / "results")
    findings = [*verify(results, None, expected(config)), *changed_tables(results, config)]
    return [(finding.place, finding.kind) for finding in findings]


@pytest.mark.process
def test_tables_figures_and_page_are_as_recorded(config: dict[str, Any]) -> None:
    assert found(config) == []


@pytest.mark.parametrize("place", ["8_report/report.html", "7_figures/layer_curves.png", "6_metrics/claims.csv"])
def test_an_edited_result_is_tampered_with(config: dict[str, Any], place: str) -> None:
    path = Path(config["reanalyse"]["tables"]).parent / "results" / place
    content = path.read_bytes()
    path.write_bytes(content + b"\n")
    assert (place, "tampered") in found(config)
    path.write_bytes(content)


def test_an_edited_table_makes_the_reanalysis_stale(config: dict[str, Any]) -> None:
    path = sorted(Path(config["reanalyse"]["tables"]).rglob("*.csv"))[0]
    content = path.read_bytes()
    path.write_bytes(content + b"\n")
    assert found(config) == [("6_metrics/reanalyse.json", "stale")]
    path.write_bytes(content)


def test_a_table_that_came_or_went_makes_the_reanalysis_stale(config: dict[str, Any]) -> None:
    folder = Path(config["reanalyse"]["tables"])
    for path in (sorted(folder.glob("cats/*.csv"))[0], folder / "notes.csv"):
        content = path.read_bytes()
        path.unlink()
        assert found(config) == [("6_metrics/reanalyse.json", "stale")]
        path.write_bytes(content)
    (folder / "cats" / "later.after.csv.gz").write_bytes(b"")
    assert found(config) == [("6_metrics/reanalyse.json", "stale")]
    (folder / "cats" / "later.after.csv.gz").unlink()


@pytest.mark.parametrize("fact", [None, 3, "a", [{}], {"a\0": 1}, ["\0", 3]])
@pytest.mark.parametrize("name", ["tables", "csv_files", "conditions"])
def test_facts_of_another_kind_are_tampering_and_no_traceback(config: dict[str, Any], name: str, fact: object) -> None:
    path = Path(config["reanalyse"]["tables"]).parent / "results/6_metrics/reanalyse.json"
    content = path.read_text()
    record = json.loads(content)
    path.write_text(json.dumps(record | {"facts": record["facts"] | {name: fact}}))
    assert ("6_metrics/reanalyse.json", "tampered") in found(config)
    path.write_text(content)
