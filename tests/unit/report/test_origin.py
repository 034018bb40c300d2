"""Times and versions of a job, on which nothing depends: what cannot be read of them is left out."""

from pathlib import Path

import pytest

from weightscape.provenance.records import read_provenance
from weightscape.report import origin


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ('{"wall_seconds": 2, "cpu_seconds": 1.5, "host": "a"}', {"wall_seconds": 2, "cpu_seconds": 1.5, "host": "a"}),
        ('{"wall_seconds": null, "peak_memory_mb": "much", "host": "a"}', {"host": "a"}),
        ('{"versions": ["numpy"], "energy_joules": []}', {}),
        ("[]", {}),
        ("{", {}),
        ("\udcff", {}),
        (None, {}),
    ],
)
def test_what_cannot_be_read_is_left_out(text: str | None, known: dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / "provenance.json"
    if text is not None:
        path.write_bytes(text.encode(errors="surrogateescape"))
    assert read_provenance(path) == known


@pytest.mark.parametrize("text", ["[]", "{", '{"stages": null}', '{"stages": 3}'])
def test_a_page_shows_the_costs_that_are_known(text: str, tmp_path: Path) -> None:
    (tmp_path / "aggregate.provenance.json").write_text(text)
    assert [row.stage for row in origin.stages(tmp_path)] == ["aggregate"]
