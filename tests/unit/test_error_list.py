from pathlib import Path

import pytest

from faults import error_list
from weightscape.errors import UserError


def test_the_list_of_errors_is_in_step_with_the_source() -> None:
    assert error_list.PAGE.read_text() == error_list.page(), "run python tests/faults/error_list.py"


def test_a_sentence_is_read_from_its_parts(tmp_path: Path) -> None:
    module = tmp_path / "m.py"
    module.write_text('def f(x):\n    raise UserError(f"{x.name} is {x!r}, "\n        "not " + "good")\n')
    assert error_list.sentences(module) == ["{x.name} is {x}, not good"]


def test_every_call_of_a_function_that_makes_errors_is_a_sentence(tmp_path: Path) -> None:
    module = tmp_path / "m.py"
    module.write_text(
        'def f(x):\n    if x:\n        raise _idle(f"{x} is idle")\n    raise _idle("nothing acts")\n'
        'def _idle(what) -> UserError:\n    return UserError(f"{what}: look at it")\n'
    )
    assert error_list.sentences(module) == ["{x} is idle: look at it", "nothing acts: look at it"]


def test_a_message_of_several_lines_becomes_one_sentence() -> None:
    with pytest.raises(UserError, match=r"^cannot read it because$"):
        raise UserError("cannot read it\n  because\n")
