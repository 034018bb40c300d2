"""The conditions file is read as a person wrote it."""

from pathlib import Path

import pytest

from weightscape.errors import UserError
from weightscape.published import conditions

CONTENT = "network: n\nafter: '{condition}.csv'\nbaseline: bs\nfamilies:\n  dp: {VALUES}\n"


def read(folder: Path, values: str) -> conditions.Conditions:
    """Conditions of these values."""
    path = folder / "c.yaml"
    path.write_text(CONTENT.replace("VALUES", values))
    return conditions.read(path)


@pytest.mark.parametrize("value", ["010", "1:30", ".nan", ".inf", "0x1F"])
def test_a_number_that_yaml_reads_as_another_is_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(UserError, match=rf"c.yaml has {value} on line 5, which YAML reads as .*: write a plain number"):
        read(tmp_path, f"a: {value}")


def test_plain_numbers_and_names_that_look_like_numbers_are_taken(tmp_path: Path) -> None:
    assert read(tmp_path, "010: 0.1, 1_0: -2, 1e-3: 1.0e-3, on: .5").doses == {
        "010": 0.1,
        "1_0": -2,
        "1e-3": 1e-3,
        "on": 0.5,
    }
