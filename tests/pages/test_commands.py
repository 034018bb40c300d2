"""Every command of the README and the docs is one: it is parsed by the parser of its program, or planned."""

import importlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from toy_project import ROOT, environment, new_project
from weightscape import cli

PAGES = [ROOT / "README.md", *sorted(ROOT.glob("workflow/docs/*.md")), ROOT / "workflow/profiles/slurm/README.md"]
FENCE = re.compile(r"```(?:sh|bash|console)\n(.*?)```", re.DOTALL)
INLINE = re.compile(r"(?<!`)`((?:weightscape|snakemake|make|python|pip|pytest) [^`]+)`")
PROGRAMS = (
    "weightscape",
    "snakemake",
    "make",
    "python",
    "pip",
    "pytest",
    "cd",
    "export",
    "git",
    "sbatch",
    "for",
    "done",
    ".",
)
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
TUTORIAL = (ROOT / "workflow/docs/tutorial.md").read_text()


def commands() -> list[tuple[str, list[str]]]:
    """The page and the words of each command; comments, variables before it and what it is piped to are left out."""
    found = []
    for page in PAGES:
        text = re.sub(r"\s+", " ", page.read_text())
        listed = [command for command in INLINE.findall(text) if "..." not in command]
        for block in FENCE.findall(page.read_text()):
            listed += _lines(block)
        for command in dict.fromkeys(listed):
            command = re.sub(r"\[(--[^]]+)\]", r"\1", command)  # what may be left out
            words = shlex.split(re.split(r" (?:\||&&|>) ", command)[0], comments=True)
            while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
                words = words[1:]
            words = ["3" if word == "N" else word for word in words]
            if words:
                found.append((page.name, words))
    return found


def _lines(block: str) -> list[str]:
    """The commands of a block, of which one may go on over lines inside quotes or after a backslash."""
    lines: list[str] = []
    for line in block.replace("\\\n", " ").splitlines():
        if lines and lines[-1].count('"') % 2:
            lines[-1] += f"\n{line}"
        elif line.strip():
            lines.append(line)
    return lines


COMMANDS = commands()


def test_the_docs_hold_commands_of_known_programs() -> None:
    strangers = {(page, words[0]) for page, words in COMMANDS if words[0] not in PROGRAMS}
    assert len(COMMANDS) > 50 and not strangers


@pytest.mark.parametrize(
    ("page", "words"), [each for each in COMMANDS if each[1][0] == "weightscape"], ids=lambda part: str(part)[:60]
)
def test_commands_of_weightscape_are_parsed(page: str, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    if words[1].startswith("-"):
        return
    assert words[1] in cli.COMMANDS
    if len(words) == 2:  # a mention of the command
        return
    module = importlib.import_module(f"weightscape.commands.{words[1]}")
    parsed = []
    monkeypatch.setattr(module, "run", parsed.append)
    assert cli.main(words[1:]) == 0 and parsed


@pytest.mark.parametrize(
    ("page", "words"), [each for each in COMMANDS if each[1][0] == "snakemake"], ids=lambda part: str(part)[:60]
)
def test_commands_of_snakemake_are_parsed(page: str, words: list[str]) -> None:
    from snakemake.cli import get_argument_parser

    get_argument_parser().parse_args(words[1:])


def test_targets_of_make_and_files_of_python_are_there() -> None:
    lost = []
    for page, words in COMMANDS:
        if words[0] == "make":
            lost += [(page, word) for word in words[1:] if "=" not in word and word not in TARGETS]
        if words[0] == "python" and words[1].endswith(".py"):
            lost += [(page, words[1])] if not (ROOT / words[1]).is_file() else []
    assert not lost


@pytest.mark.commands
@pytest.mark.slow
@pytest.mark.process
def test_the_tutorial_can_be_followed_up_to_the_plan(tmp_path: Path) -> None:
    new_project(tmp_path)
    path = f"{tmp_path}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    program = tmp_path / "weightscape"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path}/workflow exec "{sys.executable}" -m weightscape.cli "$@"\n')
    program.chmod(0o755)
    blocks = "\n".join(FENCE.findall(TUTORIAL)).replace("snakemake --cores all", "snakemake -n --quiet rules --cores 1")
    ran = subprocess.run(
        ["bash", "-ec", blocks], cwd=tmp_path, env=environment(PATH=path), capture_output=True, text=True
    )
    said = ran.stdout + ran.stderr
    assert ran.returncode == 0 and re.search(r"finetune +\d+", said), said
    for line in (
        "10 classes; images: 1500 in train",
        "grey, shorter side 28 px; they show something on a plain ground",
    ):
        assert line in said and line in TUTORIAL
