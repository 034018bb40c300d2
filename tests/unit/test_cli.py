"""Commands that start Snakemake take no folder: a word that is none of theirs is told."""

import io
import sys
from pathlib import Path

import pytest

from weightscape.cli import main


@pytest.mark.parametrize("command", ["adopt", "resume", "restore"])
def test_a_folder_is_no_study(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([command, "results"]) == 1
    assert (
        "results names no study: it is that of this folder's config.yaml, or of --configfile" in capsys.readouterr().err
    )


def test_words_after_two_dashes_are_snakemakes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["resume", "--", "all"]) == 1
    assert "has no Snakefile" in capsys.readouterr().err


def test_a_longer_option_is_not_guessed_from_a_shorter_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["restore", "--conf", "x"])
    assert "--conf" in capsys.readouterr().err


def test_a_terminal_that_is_not_utf_8_shows_names_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(shown, encoding="latin-1", write_through=True))
    assert main(["spectra", "\u65e5\u672c.pt", "--out", "t.csv"]) == 1
    assert rb"\u65e5\u672c.pt" in shown.getvalue()


@pytest.mark.parametrize("second", [["--configfile", "b.yaml"], ["--configfile=b.yaml"]])
def test_an_option_that_is_given_twice_is_refused(second: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--configfile", "a.yaml", *second]) == 1
    assert "--configfile is given twice: only the last would count" in capsys.readouterr().err
