"""The plan of a head, as the Snakemake of a submitted job reads it."""

import functools
import os
import shlex
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from subprocess import run
from types import SimpleNamespace
from typing import Any

import pytest

from weightscape.engine import snakefile
from weightscape.errors import UserError
from weightscape.formats.json_yaml import read_yaml
from weightscape.project import DEFAULT_CONFIG
from weightscape.stages.__main__ import address


def head(**more: Any) -> SimpleNamespace:
    return SimpleNamespace(
        **(
            {"remote_exec": False, "is_main_process": True, "dryrun": False, "overwrite_configfiles": [], "dag": None}
            | more
        )
    )


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(snakefile.PLANNED, "")
    return read_yaml(DEFAULT_CONFIG)


def test_a_submitted_job_plans_with_what_its_head_wrote(config: dict[str, Any]) -> None:
    planned = snakefile.plan(config, head())
    digest = planned.code_digest("spectra")
    snakefile.start(planned, [])
    planned.code["spectra"] = "edited since"
    config["spectra"] = {"edited": "since"}
    submitted = snakefile.plan(config, head(remote_exec=True, is_main_process=False))
    assert submitted.config == planned.config and submitted.results == Path("results")
    assert submitted.code_digest("spectra") == digest


@pytest.mark.parametrize("dryrun", [True, False])
def test_a_dry_run_ends_with_its_jobs_and_what_the_study_lacks_and_a_run_starts_with_that(
    dryrun: bool, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ends: list[Callable[[], None]] = []
    monkeypatch.setattr(snakefile.atexit, "register", lambda *words: ends.append(functools.partial(*words)))
    config["study"]["families"].remove("steps")
    planned = snakefile.plan(config, head(dryrun=dryrun, dag=["a job", "another"]))
    assert "Add steps" not in capsys.readouterr().err
    if not dryrun:
        snakefile.start(planned, [])
    started = capsys.readouterr().err
    for end in ends:
        end()
    said = [started, capsys.readouterr().err]
    assert ["  C2 The pattern of diversity" in each for each in said] == [not dryrun, dryrun]
    assert ["accepted: 2 jobs to run" in each for each in said] == [False, dryrun]


def test_digests_that_hang_on_wildcards_are_planned_before_the_first_job(config: dict[str, Any]) -> None:
    planned = snakefile.plan(config, head())

    class Planned:
        rule, output, input = SimpleNamespace(name="figure"), (), ()

        @property
        def params(self) -> str:
            return planned.chosen_code_digest("figure")({"figure": "esd"})

    snakefile.start(planned, [Planned()])
    submitted = snakefile.plan(config, head(remote_exec=True))
    assert submitted.code == {"figure figures.esd": planned.code_digest("figure", "figures.esd")}


def test_results_that_nobody_may_write_are_told_before_the_first_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snakefile.os, "access", lambda path, _: path != tmp_path)
    with pytest.raises(UserError, match=f"{tmp_path} cannot be written"):
        snakefile.check_writable([str(tmp_path / "1_data/manifest.json")])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("study: {name: café}\n".encode("latin-1"), r"is not UTF-8 \(byte 0xe9 on line 1\): save it as UTF-8$"),
        ("study: {name: a}\n".encode("utf-16"), "is not UTF-8 .*: save it as UTF-8$"),
        (b"study:\n\tname: a\n", "is not valid YAML .*line 2"),
        (b"study: {}\nstudy: {}\n", "has the key 'study' twice, on the lines 1 and 2"),
        (b"families: {noise: {doses: {off: {sigma: 0.1}}}}\n", "has the key off in families.noise.doses on line 1"),
        (b"study: {seed: 010}\n", "has study.seed = 010 on line 1, which YAML reads as 8"),
    ],
)
def test_a_config_that_snakemake_cannot_read_ends_it_with_one_sentence(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    (tmp_path / "config.yaml").write_bytes(content)
    with pytest.raises(SystemExit, match=sentence) as caught:
        snakefile.check_readable(tmp_path / "config.yaml")
    assert "\n" not in str(caught.value)


@pytest.mark.process
@pytest.mark.parametrize("terminal", ["latin-1", "utf-8:strict"])
def test_a_job_prints_any_name_whatever_the_terminal_shows(terminal: str) -> None:
    code = r"print('\u65e5\u672c caf\udce9')"
    command = f"{snakefile.prefix()}{shlex.quote(sys.executable)} -c {shlex.quote(code)}"
    done = run(["bash", "-c", command], capture_output=True, env={**os.environ, "PYTHONIOENCODING": terminal})
    assert done.stdout == "\u65e5\u672c caf\\udce9\n".encode(), done.stderr


@pytest.mark.parametrize(
    ("inside", "sentence"),
    [
        (".", r"runs in .*, but the study's files lie in .*a \{b\}: run it there, or add --directory '.*a \{b\}'$"),
        ("a {b}", "braces: rename"),
    ],
)
def test_a_folder_that_snakemake_cannot_work_in_ends_it_with_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: str, sentence: str
) -> None:
    (tmp_path / "a {b}").mkdir()
    monkeypatch.chdir(tmp_path / inside)
    with pytest.raises(SystemExit, match=sentence):
        snakefile.check_place(tmp_path / "a {b}")


def test_a_key_that_stands_twice_on_the_command_line_is_refused(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["snakemake", "--default-resources", "a={b", "--config", "finetune={steps: 1}", "study={seed: 1, seed: 2}"]
    monkeypatch.setattr(snakefile.sys, "argv", words)
    with pytest.raises(UserError, match=r"^--config study has the key 'seed' twice"):
        snakefile.plan(config, head())


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--config", "study={name: a}", "-C", "finetune={steps: 2}"], "^--config is given twice: only the last"),
        (["--configfile", "a.yaml", "--configfile=b.yaml"], "^--configfile is given twice: only the last"),
        (["-C", "finetune={steps: 1}", "finetune={rise: 2, steps: 3}"], "^--config gives finetune.steps twice"),
    ],
)
def test_an_option_of_settings_that_stands_twice_is_refused(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch, words: list[str], sentence: str
) -> None:
    monkeypatch.setattr(snakefile.sys, "argv", ["snakemake", *words])
    with pytest.raises(UserError, match=sentence):
        snakefile.plan(config, head())


def test_blocks_of_other_keys_on_the_command_line_are_taken(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["snakemake", "--configfile", "a.yaml", "b.yaml", "-C", "finetune={steps: 1}", "finetune={rise: 0.2}"]
    monkeypatch.setattr(snakefile.sys, "argv", words)
    assert snakefile.plan(config, head())


def test_sockets_of_preloaded_processes_have_short_paths_also_where_temporary_files_lie_deep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("a" * 80)
    deep.mkdir()
    for place in (tmp_path, deep):
        monkeypatch.setattr(tempfile, "tempdir", str(place))
        with snakefile.preload_folder.__wrapped__() as folder, socket.socket(socket.AF_UNIX) as listening:
            listening.bind(address(folder, "figures"))
            assert (Path(folder) / "owner").read_text() == str(os.getpid())
