"""Long texts in fewer characters."""

import json
import subprocess

import pytest

from weightscape import packing, program

WORDS = {"class_words": {f"n{number:08d}": f"the words of class {number}" for number in range(3000)}}


def test_what_the_system_refuses_as_an_argument_passes_when_packed() -> None:
    text = json.dumps(WORDS)
    with pytest.raises(OSError, match="Argument list too long"):
        subprocess.run(["true", text * 2], check=True)
    subprocess.run(["true", packing.packed(text * 2)], check=True)
    assert packing.unpacked(packing.packed(text)) == text
    assert program.parse_settings(packing.packed(text)) == WORDS


def test_short_texts_stay_readable() -> None:
    assert packing.packed('{"a": 1}') == '{"a": 1}' == packing.unpacked('{"a": 1}')


def test_what_is_not_whole_is_said() -> None:
    import argparse

    packed = packing.packed(json.dumps(WORDS))
    with pytest.raises(argparse.ArgumentTypeError, match="not valid JSON"):
        program.parse_settings(packed[:100])
