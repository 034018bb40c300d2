"""The user's files and folders, before the first job."""

from pathlib import Path

import pytest

from unit.study.test_study import edited
from weightscape.errors import UserError
from weightscape.study.checks import own_files


@pytest.mark.parametrize(
    ("names", "is_chance"),
    [(["a"], False), (["a", "b"], True), (["a", "pytorch_lora_weights"], False)],
)
def test_lora_weights_that_would_be_taken_by_chance_are_refused(
    names: list[str], is_chance: bool, tmp_path: Path
) -> None:
    for name in names:
        (tmp_path / f"{name}.safetensors").touch()
    config = edited("generate/pipeline/lora", str(tmp_path))
    config["generate"]["kind"] = "text_to_image"
    if is_chance:
        with pytest.raises(
            UserError, match=r"holds 2 .safetensors \(a.safetensors, b.safetensors\), of which diffusers"
        ):
            own_files.check_generator(config)
    else:
        own_files.check_generator(config)
