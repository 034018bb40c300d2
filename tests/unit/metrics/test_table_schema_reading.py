"""Reading the tables of a results folder."""

from pathlib import Path

import pytest

from unit.figures import made_tables
from weightscape.errors import UserError
from weightscape.formats.tables import write_table
from weightscape.metrics import table_schema


def test_an_absent_table_is_empty_and_tells_why(tmp_path: Path) -> None:
    found = table_schema.load(tmp_path, ["runs"])["runs"]
    assert len(found) == 0 and list(found) == list(table_schema.schema()["runs"].columns)
    assert found.attrs["absent"] == f"{tmp_path.name} has no table runs"


def test_a_table_of_an_older_version_that_lacks_a_column_is_named(tmp_path: Path) -> None:
    table = made_tables.study(layers=2)["evaluation"]
    write_table(tmp_path / "evaluation.parquet", table.drop(columns="ece"))
    with pytest.raises(UserError, match=r"evaluation.parquet lacks the columns ece: make it again with stage 6"):
        table_schema.load(tmp_path, ["evaluation"])
    write_table(tmp_path / "evaluation.parquet", table.drop(columns="ece_low", errors="ignore"))
    assert len(table_schema.load(tmp_path, ["evaluation"])["evaluation"]) == len(table)
