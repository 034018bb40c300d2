"""Every command of the README and the docs runs, in a copy of the project with two finished studies.

What takes hours is asked for its plan instead: targets of make by `make -n`, studies that are not finished by
`snakemake -n`, benchmarks by `--help`. `pip install .` is run by test_wheel.py, and
`snakemake --containerize` only where conda is.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import torch
import yaml
from safetensors.numpy import save_file

from pages.test_commands import COMMANDS, PAGES, TUTORIAL
from pages.test_readme import users_files_of_the_readme
from toy_project import ROOT, STUDY, Project, environment, linked_copy, merged
from unit.made_images import folder
from weightscape.project import DEFAULT_CONFIG
from weightscape.study.config import load

ASKED = ("init", "choose", "spectra", "diversity", "reanalyse", "export", "report", "verify")
"""Commands that need arguments: a page that names one alone mentions it."""
ELSEWHERE = ("pip", "for", "done", "export", "cd", ".")
RUN = "results/4_finetune/digits/efficientnet-lite0/baseline/baseline/seed0"
STANDS_FOR = {
    "IMAGES": "my/photos",
    "CANDIDATES": "candidates.npy",
    "REAL": "real.npy",
    "TABLES": "workflow/studies/published/toy",
    "DIR": "analysis",
    "AFTER": "after.safetensors",
    "BEFORE": "before.safetensors",
    "RUN": RUN,
    "RESULTS": "results/studies/smoke",
    "PROFILE": "workflow/profiles/slurm",
    "figure_NAME": "figure_esd",
}
"""Words of the pages in place of the user's own files."""
CONDITIONS = "workflow/studies/published/conditions.yaml"
FINISHED = "study.yaml"


def stated(words: list[str]) -> list[str]:
    """The words with files in place of what stands for them."""
    found = []
    for before, word in zip(["", *words], words, strict=False):
        if word == "FILE":
            word = CONDITIONS if before == "--conditions" else FINISHED
        elif word == "FOLDER":
            word = "my/photos" if before == "init" else "made"
        found.append(STANDS_FOR.get(word, word))
    return found


def called(words: list[str]) -> list[str] | None:
    """The program and words of a command that is run here; None for a mention, or one that is run elsewhere."""
    program, *rest = stated(words)
    if program == "weightscape":
        return None if rest[0] in ASKED and len(rest) == 1 else [sys.executable, "-m", "weightscape.cli", *rest]
    if rest == ["--containerize"] and not shutil.which("conda"):
        return None
    if program == "snakemake":
        asked = [rest[at + 1] for at, word in enumerate(rest) if word == "--configfile"]
        is_finished = asked in ([], [FINISHED]) and "--config" not in rest
        return [program, *rest, *([] if is_finished or "-n" in rest else ["-n"])]
    if program == "make":
        return [program, "-n", *rest]
    if program == "python" and rest[0].endswith(".py"):
        return [sys.executable, rest[0], "--help"]
    if program == "pytest":
        return [sys.executable, "-m", "pytest", "--collect-only", "--quiet", *rest]
    return None


CALLED = {" ".join(words): found for _, words in COMMANDS if (found := called(words)) is not None}


@pytest.fixture(scope="module")
def place(smoke: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose default study and `study.yaml` are finished, and the files that the pages name."""
    project = linked_copy(smoke, tmp_path_factory.mktemp("pages") / "project")
    config = merged(*(yaml.safe_load((project.root / name).read_text()) for name in ("config.yaml", STUDY)))
    config["study"]["name"] = yaml.safe_load((project.root / "config.yaml").read_text())["study"]["name"]
    project.write("config.yaml", yaml.safe_dump(config, sort_keys=False))
    project.write(FINISHED, "study: {name: smoke}\n")
    for stage in sorted(project.results.glob("[1-8]_*")):
        shutil.copytree(stage, project.root / "results" / stage.name, copy_function=os.link)
    shutil.copytree(ROOT / "tests", project.root / "tests", ignore=shutil.ignore_patterns("__pycache__", "screens"))
    assert project.weightscape("adopt").returncode == 0
    for words in ([], ["--configfile", FINISHED]):
        done = run(project, ["snakemake", "--cores", "1", "--quiet", "reason", *words])
        assert done.returncode == 0, done.stderr[-2000:]
    users_files(project.root)
    return project


def users_files(root: Path) -> None:
    """Images, arrays, weights and tables by the names of the pages."""
    rng = np.random.default_rng(0)
    folder(root / "my" / "photos", {"train": {"cat": 40, "dog": 40, "emu": 40}})
    np.savez(
        root / "my" / "arrays.npz", images=rng.integers(0, 256, (200, 20, 20), np.uint8), labels=np.arange(200) % 4
    )
    np.save(root / "candidates.npy", rng.standard_normal((600, 5)))
    np.save(root / "real.npy", rng.standard_normal((30, 5)))
    for name in ("before", "after"):
        save_file({"body.weight": rng.standard_normal((40, 30))}, root / f"{name}.safetensors")
    shutil.copytree(root / "workflow/studies/published/toy", root / "tables")


def run(project: Project, words: list[str]) -> subprocess.CompletedProcess[str]:
    """A command as a person types it in the project's folder."""
    seen = environment(PYTHONPATH=str(project.root / "workflow"), OMP_NUM_THREADS="1")
    return subprocess.run(words, cwd=project.root, env=seen, capture_output=True, text=True, timeout=600)


@pytest.fixture
def fresh(place: Project, tmp_path: Path) -> Iterator[Project]:
    """A copy in which one command may write."""
    yield linked_copy(place, tmp_path / "project")
    shutil.rmtree(tmp_path / "project", ignore_errors=True)


@pytest.mark.commands
@pytest.mark.slow
@pytest.mark.process
@pytest.mark.parametrize("command", CALLED, ids=lambda text: re.sub(r"\W+", "-", text)[:70])
def test_a_command_of_the_pages_runs(command: str, fresh: Project) -> None:
    if " init " in command:
        (fresh.root / FINISHED).unlink()
    done = run(fresh, CALLED[command])
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def test_every_command_of_the_pages_is_run_here_or_elsewhere_or_is_a_mention() -> None:
    others = [words for _, words in COMMANDS if " ".join(words) not in CALLED]
    strangers = [
        words
        for words in others
        if words[0] not in ELSEWHERE
        and words != ["snakemake", "--containerize"]
        and not (words[0] == "weightscape" and len(words) == 2)
        and words[:2] != ["python", "-c"]
    ]
    assert not strangers and " ".join(COMMANDS[0][1]) in CALLED
    assert [words for words in others if words[:2] == ["python", "-c"]] == [["python", "-c", TUTORIAL.split('"')[1]]]


@pytest.mark.parametrize("words", [["weightscape", "frobnicate"], ["snakemake", "figure_none", "--cores", "1"]])
@pytest.mark.commands
@pytest.mark.slow
@pytest.mark.process
def test_a_command_that_is_none_fails(words: list[str], fresh: Project) -> None:
    found = called(words)
    assert found is not None and run(fresh, found).returncode != 0


PROGRAMS = [
    (page.name, block) for page in PAGES for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
]


def network() -> torch.nn.Module:
    """A small network with the names of the pages."""
    block = torch.nn.ModuleDict({"conv2": torch.nn.Conv2d(16, 24, 3)})
    return torch.nn.ModuleDict(
        {"layer4": torch.nn.ModuleList([torch.nn.Identity(), block]), "fc": torch.nn.Linear(24, 12)}
    )


@pytest.mark.parametrize(("page", "block"), PROGRAMS, ids=lambda text: text[:20])
def test_a_block_of_python_runs(page: str, block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mpl.use("agg")
    (tmp_path / "tables").mkdir()
    model = network()
    save_file({name: 2 * tensor.numpy() for name, tensor in model.state_dict().items()}, "pretrained.safetensors")
    exec(compile(block, page, "exec"), {"model": model})
    assert list(tmp_path.glob("**/*.png")) and list(tmp_path.glob("**/*.csv"))


STUDIES = [
    (page.name, block)
    for page in PAGES
    for block in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)
    if "extend" not in page.name
]


@pytest.mark.parametrize(("page", "block"), STUDIES, ids=lambda text: text[:40])
def test_a_block_of_yaml_is_a_study(page: str, block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my/pipeline").mkdir(parents=True)
    (tmp_path / "my/pipeline/model_index.json").write_text("{}")
    users_files_of_the_readme(tmp_path)
    own = yaml.safe_load(block)
    Path("study.yaml").write_text(yaml.safe_dump({**own, "study": {"name": "own", **own.get("study", {})}}))
    config = load(DEFAULT_CONFIG, Path("study.yaml"))
    assert all(config[key] for key in own)
