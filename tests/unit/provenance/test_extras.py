"""A library that an extra brings in is named where it is missing, and the rest goes on without it."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import weightscape as ws
from weightscape.commands import choose
from weightscape.errors import UserError
from weightscape.provenance import extras


@pytest.fixture(autouse=True)
def no_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "matplotlib" else find(name))


def test_a_plot_is_refused_in_one_sentence() -> None:
    with pytest.raises(UserError, match=r"^plot_esd needs matplotlib: pip install 'weightscape\[figures\]'$"):
        ws.plot_esd(np.eye(4))


def test_a_library_of_no_extra_has_no_sentence() -> None:
    assert extras.needed("numpy") is None


def test_a_choice_is_written_without_its_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import argparse

    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(30, 4)))
    parser = argparse.ArgumentParser()
    choose.configure(parser)
    choose.run(parser.parse_args([str(tmp_path / "x.npy"), "--budget", "5", "--out", str(tmp_path / "out")]))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["chosen.csv", "curve.csv"]
    assert "drawing needs matplotlib: pip install 'weightscape[figures]'" in capsys.readouterr().out
