"""Long texts in fewer characters."""

import json
import subprocess

import pytest

from weightscape.formats import packed_text
from weightscape.stages import _program

WORDS = {"class_words": {f"n{number:08d}": f"the words of class {number}" for number in range(3000)}}


@pytest.mark.process
def test_what_the_system_refuses_as_an_argument_passes_when_packed() -> None:
    text = json.dumps(WORDS)
    with pytest.raises(OSError, match="Argument list too long"):
        subprocess.run(["true", text * 2], check=True)
    subprocess.run(["true", packed_text.packed(text * 2)], check=True)
    assert packed_text.unpacked(packed_text.packed(text)) == text
    assert _program.parse_settings(None, packed_text.packed(text)) == WORDS


def test_short_texts_stay_readable() -> None:
    assert packed_text.packed('{"a": 1}') == '{"a": 1}' == packed_text.unpacked('{"a": 1}')


def test_what_is_not_whole_is_said() -> None:
    import argparse

    packed = packed_text.packed(json.dumps(WORDS))
    with pytest.raises(argparse.ArgumentTypeError, match="not valid JSON"):
        _program.parse_settings(None, packed[:100])
