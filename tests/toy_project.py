"""A copy of the project with a finished smoke study, to edit, break, run and compare."""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from weightscape.engine import owner
from weightscape.formats.json_yaml import read_yaml
from weightscape.project import ROOT

STUDY = "workflow/studies/smoke.yaml"
CONFIG = ["--configfile", STUDY]
LOG = re.compile(r"> \S*?/logs/(\S+)\.log 2>&1")
VOLATILE = re.compile(r"(^|\.)provenance\.json$")


def environment(**more: str) -> dict[str, str]:
    """The environment of a person at the command line."""
    hidden = ("PYTHONPATH", "PYTEST_CURRENT_TEST", "PYTHONDONTWRITEBYTECODE")
    return {**{name: value for name, value in os.environ.items() if name not in hidden}, **more}


@dataclass(frozen=True)
class Project:
    """A project folder; every edit replaces a file, so that copies by hard links stay apart."""

    root: Path

    @property
    def results(self) -> Path:
        """The results of the smoke study."""
        return self.root / "results" / "studies" / "smoke"

    def snakemake(self, *words: str, cores: int = 2, **more: str) -> subprocess.CompletedProcess[str]:
        """Run Snakemake on the smoke study."""
        command = ["snakemake", *words, "--cores", str(cores), *CONFIG]
        return self._run(command, **more)

    def weightscape(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a sub-command of `weightscape` in the project folder."""
        return self._run(["python", "-m", "weightscape.cli", *words], PYTHONPATH=str(self.root / "workflow"), **more)

    def _run(self, command: list[str], **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self.root, capture_output=True, text=True, env=environment(**more), timeout=1800
        )

    def planned(self, *words: str) -> set[str]:
        """The jobs of a dry run by the names of their logs, e.g. `finetune/digits.lite0.noise.weak.seed0`."""
        done = self.snakemake("-n", "--printshellcmds", *words)
        assert done.returncode == 0, done.stdout + done.stderr
        return set(LOG.findall(done.stdout + done.stderr))

    def write(self, name: str, content: str | bytes) -> None:
        """Write a file anew."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def replace(self, name: str, before: str, after: str) -> None:
        """Replace a text that must be in the file."""
        text = (self.root / name).read_text()
        assert before in text, f"{name} has no {before!r}"
        self.write(name, text.replace(before, after, 1))

    def set(self, dotted: str, value: Any) -> None:
        """Set a key of the study, e.g. `finetune.learning_rate`."""
        self._change(STUDY, dotted, value)

    def drop(self, dotted: str, name: str = "config.yaml") -> None:
        """Remove a key of the config (a study can only add)."""
        self._change(name, dotted, None)

    def _change(self, name: str, dotted: str, value: Any) -> None:
        content: dict[str, Any] = read_yaml(self.root / name)
        *parents, last = dotted.split("/")
        block = content
        for part in parents:
            block = block.setdefault(part, {})
        if value is None:
            del block[last]
        else:
            block[last] = value
        self.write(name, yaml.safe_dump(content, sort_keys=False))

    def config(self) -> dict[str, Any]:
        """The study's config as it now stands, merged as Snakemake merges it."""
        return merged(*(read_yaml(self.root / name) for name in ("config.yaml", STUDY)))

    def remove(self, *names: str) -> None:
        """Delete result files or folders."""
        for name in names:
            path = self.results / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def contents(self) -> Mapping[str, str]:
        """sha256 of every result that must not depend on when, where and in which order it was made.

        The page shows what the jobs cost, and so is left out.
        """
        return {
            str(path.relative_to(self.results)): hashlib.sha256(path.read_bytes()).hexdigest()
            for stage in sorted(self.results.glob("[1-7]_*"))
            for path in sorted(stage.rglob("*"))
            if path.is_file() and not VOLATILE.search(path.name)
        }


def merged(full: dict[str, Any], difference: dict[str, Any]) -> dict[str, Any]:
    """Blocks are merged, anything else is replaced."""
    result = dict(full)
    for name, value in difference.items():
        both = isinstance(value, dict) and isinstance(full.get(name), dict)
        result[name] = merged(full[name], value) if both else value
    return result


def new_project(folder: Path) -> Project:
    """The project without any results."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("Snakefile", "config.yaml", "Makefile", "README.md"):
        shutil.copy(ROOT / name, folder)
    for name in ("workflow", "envs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return Project(folder)


def finished_project(folder: Path) -> Project:
    """The project with the smoke study run to its end.

    It starts from what `make smoke` left in this checkout, and from nothing where that does not pass `verify`.
    """
    if (ROOT / "results/studies/smoke/8_report/manifest.json").is_file() and (ROOT / owner.PROJECT).is_file():
        project = new_project(folder)
        shutil.copytree(ROOT / "results/studies/smoke", project.results)
        shutil.copytree(ROOT / ".snakemake/metadata", folder / ".snakemake/metadata")
        shutil.copy(ROOT / owner.PROJECT, folder / owner.PROJECT)
        done = project.snakemake("--quiet", "reason")  # runs what is stale
        if done.returncode == 0 and project.weightscape("verify", str(project.results), *CONFIG).returncode == 0:
            return project
        shutil.rmtree(folder)
    project = new_project(folder)
    done = project.snakemake("--quiet", "reason")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return project


def linked_copy(source: Project, folder: Path) -> Project:
    """A copy within a second: results by hard links, and what is written in place (metadata, logs) for real."""
    shutil.copytree(source.root, folder, copy_function=_linked, dirs_exist_ok=True)
    return Project(folder)


def _linked(source: str, target: str) -> str:
    in_place = re.search(r"/\d_[a-z]+/", source) is None
    return shutil.copy2(source, target) if in_place else os.link(source, target) or target
