"""Settings of a generator of another kind are told."""

import copy

import pytest

from weightscape.study.checks.idle import notes
from weightscape.study.config import default_config


@pytest.mark.parametrize(
    ("kind", "key", "told"),
    [
        ("ddpm", ("pipeline", "model"), True),
        ("ddpm", ("training", "steps"), False),
        ("text_to_image", ("pipeline", "model"), False),
        ("image_to_image", ("training", "steps"), True),
    ],
)
def test_a_block_that_the_kind_of_generator_does_not_use_is_told(kind: str, key: tuple[str, str], told: bool) -> None:
    config = copy.deepcopy(default_config())
    assert config is not None
    config["generate"]["kind"] = kind
    config["generate"][key[0]][key[1]] = "another"
    sentence = f"generate.{key[0]} differs from that of config.yaml, but generate.kind = {kind!r} does not use it"
    assert [note.startswith(sentence) for note in notes(config)] == [True] * told
