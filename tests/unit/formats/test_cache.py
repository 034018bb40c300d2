"""The cache folder is the one that the environment names."""

from pathlib import Path

import pytest

from weightscape.formats import cache


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WEIGHTSCAPE_CACHE", "~/kept")
    assert cache.folder() == tmp_path / "kept"
