"""Long texts in fewer characters."""

import json
import subprocess

import pytest

from weightscape.formats import json_yaml
from weightscape.stages import _program

WORDS = {"class_words": {f"n{number:08d}": f"the words of class {number}" for number in range(3000)}}


@pytest.mark.process
def test_what_the_system_refuses_as_an_argument_passes_when_packed() -> None:
    text = json.dumps(WORDS)
    with pytest.raises(OSError, match="Argument list too long"):
        subprocess.run(["true", text * 2], check=True)
    subprocess.run(["true", json_yaml.packed(text * 2)], check=True)
    assert json_yaml.unpacked(json_yaml.packed(text)) == text
    assert _program.parse_settings(None, json_yaml.packed(text)) == WORDS


def test_short_texts_stay_readable() -> None:
    assert json_yaml.packed('{"a": 1}') == '{"a": 1}' == json_yaml.unpacked('{"a": 1}')


def test_what_is_not_whole_is_said() -> None:
    import argparse

    packed = json_yaml.packed(json.dumps(WORDS))
    with pytest.raises(argparse.ArgumentTypeError, match="not valid JSON"):
        _program.parse_settings(None, packed[:100])
