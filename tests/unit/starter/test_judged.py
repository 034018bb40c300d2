"""init tries the judge: on images that it learns nothing is said, on others what the study cannot tell."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unit.made_images import folder
from weightscape.starter import folders, judged, pictures
from weightscape.study import Config


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """Photographs that show nothing of their class."""
    return folder(tmp_path / "set", {"train": dict.fromkeys("abcd", 40)})


def config_of(generator: bool) -> Config:
    """A study, as far as the judge needs it."""
    judge = {"width": 16, "epochs": 20, "batch_size": 50, "learning_rate": 0.005, "shift": 2}
    families = ["noise", *(["synthetic_add"] if generator else [])]
    data = {"set": {"splits": {"extra": 60}}}
    return {"study": {"datasets": ["set"], "families": families}, "data": data, "generate": {"judge": judge}}


def told(root: Path, generator: bool = False) -> list[str]:
    """The sentences on the judge of a folder."""
    looked = pictures.look(folders.found(root, str(root), root.parent / "arrays").pools)
    return judged.told(looked, config_of(generator))


@pytest.mark.slow
def test_a_judge_that_cannot_tell_the_classes_is_told_with_what_the_study_then_cannot_judge(noise: Path) -> None:
    (sentence,) = told(noise)
    assert "tried on 60 of these images at 32 px" in sentence and "of 100 others" in sentence
    assert "(25 % by chance)" in sentence and "by its drop of accuracy alone" in sentence
    assert "synthetic" not in sentence and "synthetic images" in told(noise, generator=True)[0]


@pytest.mark.slow
def test_of_a_judge_that_tells_the_classes_nothing_is_said(noise: Path) -> None:
    for place, name in enumerate("abcd"):
        for path in (noise / "train" / name).iterdir():
            pixels = np.asarray(Image.open(path)).copy()
            pixels[10 * place : 10 * place + 10] = 255
            Image.fromarray(pixels).save(path)
    assert told(noise) == []


def test_of_a_handful_of_readable_images_nothing_is_tried(tmp_path: Path) -> None:
    root = folder(tmp_path / "set", {"train": {"a": 1, "b": 1}})
    assert told(root) == []
