import sys
from pathlib import Path

import pytest

from weightscape.errors import UserError

sys.path.insert(0, str(Path(__file__).parents[1] / "faults"))
import error_list


def test_the_list_of_errors_is_in_step_with_the_source() -> None:
    assert error_list.PAGE.read_text() == error_list.page(), "run python tests/faults/error_list.py"


def test_a_sentence_is_read_from_its_parts(tmp_path: Path) -> None:
    module = tmp_path / "m.py"
    module.write_text('def f(x):\n    raise UserError(f"{x.name} is {x!r}, "\n        "not " + "good")\n')
    assert error_list.sentences(module) == ["{x.name} is {x}, not good"]


def test_a_message_of_several_lines_becomes_one_sentence() -> None:
    with pytest.raises(UserError, match=r"^cannot read it because$"):
        raise UserError("cannot read it\n  because\n")
