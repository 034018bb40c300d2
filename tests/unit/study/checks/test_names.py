"""Names in the config: figures that are half there."""

from pathlib import Path

import pytest

from weightscape.errors import UserError
from weightscape.study.checks import names


def test_a_figure_without_its_caption_is_told_the_file_to_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_hill.py").touch()
    monkeypatch.setattr(names, "FIGURES", tmp_path)
    with pytest.raises(UserError, match=r"names 'my_hill', which has no caption: write .*captions/my_hill\.md$"):
        names._check_figures(["my_hill"])
    with pytest.raises(UserError, match=r"names 'other', which .* does not define; known: "):
        names._check_figures(["other"])
