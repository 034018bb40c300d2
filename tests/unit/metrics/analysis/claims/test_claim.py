"""The text of a claim's file for people, and the content of its row."""

import html
from dataclasses import replace
from pathlib import Path

import pandas as pd

from unit.metrics.planted import claim_row
from weightscape.formats.json_yaml import read_yaml
from weightscape.formats.tables import write_table
from weightscape.metrics import table_schema
from weightscape.metrics.analysis.claims.table import CLAIMS
from weightscape.project import REPORT, SCHEMAS
from weightscape.report import page
from weightscape.report.settings import ReportSettings


def test_the_rule_in_the_claims_file_is_the_one_on_the_page(tmp_path: Path) -> None:
    rows = [replace(claim_row("b", "undecided", claim=name), rule=claim.RULE) for name, claim in CLAIMS.items()]
    write_table(tmp_path / "claims.parquet", table_schema.checked("claims", pd.DataFrame(rows)))
    content, _ = page.page(tmp_path, tmp_path, REPORT, ReportSettings("toy", (), (), None, None))
    text = html.unescape(" ".join(content.split())).lower()
    for name, claim in CLAIMS.items():
        rule = claim.RULE.lower()
        assert rule.startswith("supported if") and "contradicted if" in rule
        assert f"<strong>rule.</strong> {rule}; else undecided" in text, name


def test_the_config_names_the_controls_of_exactly_the_claims_that_are_tested() -> None:
    analyse = read_yaml(SCHEMAS / "config.schema.yaml")["properties"]["analyse"]["properties"]
    assert list(analyse["controls"]["properties"]) == list(CLAIMS) == [f"C{k}" for k in range(1, len(CLAIMS) + 1)]
