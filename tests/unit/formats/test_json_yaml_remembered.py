"""Answers that are kept in a file."""

from pathlib import Path

import pytest

from weightscape.formats.json_yaml import Remembered


def test_kept_answers_are_there_for_the_next_process_and_others_are_not(tmp_path: Path) -> None:
    remembered = Remembered(tmp_path / "new" / "answers.json")
    remembered.answers["a"] = [1, "b"]
    assert Remembered(remembered.path).answers == {}
    remembered.keep()
    assert Remembered(remembered.path).answers == {"a": [1, "b"]}


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"3", b"\xff"])
def test_a_broken_file_holds_no_answers_and_is_replaced(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "answers.json"
    path.write_bytes(content)
    remembered = Remembered(path)
    assert remembered.answers == {}
    remembered.answers["a"] = 1
    remembered.keep()
    assert Remembered(path).answers == {"a": 1}


def test_a_file_that_cannot_be_read_or_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    remembered = Remembered(tmp_path / "file" / "answers.json")
    remembered.answers["a"] = 1
    remembered.keep()
    assert remembered.answers == {"a": 1}
