"""Each stage runs by hand as its docstring says, and declares exactly what it reads: the keys of its settings, and the
modules that its digest covers.

The programs are forks of processes that import the libraries once, as the jobs of a study are.
"""

import ast
import contextlib
import importlib
import io
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from toy_project import CONFIG, Project, environment, linked_copy
from weightscape.cli import main
from weightscape.project import DEFAULT_CONFIG, PACKAGE, ROOT
from weightscape.provenance import code_digest
from weightscape.stages._program import Program
from weightscape.study.jobs import job_of

pytestmark = pytest.mark.slow

JOBS = {  # of each stage the job that reads most
    "data": ["data/digits.train", "data/digits.ood-uci-digits"],
    "corrupt": ["corrupt/digits.ood-blur-3"],
    "backbone": ["backbone/efficientnet-lite0"],
    "train_generator": ["train_generator/digits.ddpm"],
    "generate": ["generate/digits.ddpm.recipe-strong.00000"],
    "train_judge": ["train_judge/digits"],
    "measure_quality": ["measure_quality/digits.ddpm"],
    "assemble": ["assemble/digits.synthetic_add.half.seed0", "assemble/digits.label_noise.fifth.seed0"],
    "embed": ["embed/digits.efficientnet-lite0"],
    "measure_diversity": ["measure_diversity/digits.noise.weak"],
    "finetune": ["finetune/digits.efficientnet-lite0.noise.weak.seed0"],
    "evaluate": ["evaluate/digits.efficientnet-lite0.noise.weak"],
    "curvature": ["curvature/digits.efficientnet-lite0.noise.weak"],
    "penalties": ["penalties/digits.efficientnet-lite0.noise.weak"],
    "spectra_before": ["spectra_before/efficientnet-lite0"],
    "spectra": ["spectra/digits.efficientnet-lite0.noise.weak.seed0"],
    "aggregate": ["aggregate"],
    "analyse": ["analyse"],
    "figure": ["figure/esd"],
    "report": ["report"],
}
NAMES = {  # what a job is called: fixed by its path, so that it makes nothing stale
    "data": {"dataset", "split"},
    "corrupt": {"dataset", "split"},
    "backbone": {"backbone"},
    "finetune": {"condition"},
    "evaluate": {"backbone"},
    "curvature": {"backbone"},
    "penalties": {"backbone"},
}
CHOOSES = {"assemble": {"change/recipe"}}  # the rule's inputs
TELLS = {
    "kind",
    "contents",
}  # the class of a block, and the digests of the user's files, which make stale what reads them
_OFF = {"seed", "interval_draws", "interval_level", "goodness_draws", "farms_side", "farms_aspect", "farms_stride"}
SWITCHED_OFF = {
    "measure_quality": {"coverage", "floor"},  # the smoke study's judge is too poor to be asked
    "spectra_before": _OFF,
    "spectra": _OFF,
    "analyse": {"draws", "judge_floor", "margin", "margins", "seed"},  # the smoke study's judge is too poor to be asked
}  # of parts of the engine that the study leaves out, and of tests that need more runs than the smoke study has
OPTIONAL = {
    "aggregate": ("seen/", "severity/"),
    "report": ("config",),
}  # asked for, and absent where they do not apply
SHOWN = {"report": {"config"}}  # printed as a whole


RECORDED = """
import os, sys
from weightscape.stages.__main__ import KINDS, address, connection_to, end_as, in_fork
kind = KINDS.get(sys.argv[2])
if kind and (connection := connection_to(address(os.environ["WEIGHTSCAPE_PRELOAD"], kind), kind)):
    end_as(in_fork(connection, ["pipeline.recorded_stage", *sys.argv[1:]]))
os.execv(sys.executable, [sys.executable, "-m", "pipeline.recorded_stage", *sys.argv[1:]])
"""


@pytest.fixture(scope="module")
def project(smoke: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A copy of the finished study, whose folder has the preloaded processes."""
    project = linked_copy(smoke, tmp_path_factory.mktemp("slices"))
    with subprocess.Popen(["sleep", "3600"]) as owner:
        project.write("owner", str(owner.pid))
        yield project
        owner.kill()  # and the preloaded processes end


def run(project: Project, *command: str) -> None:
    """Run a command in the project's folder, as a fork of a preloaded process where it is a stage's program."""
    folders = f"{project.root / 'workflow'}:{ROOT / 'tests'}"
    variables = environment(PYTHONPATH=folders, WEIGHTSCAPE_PRELOAD=str(project.root))
    done = subprocess.run(command, cwd=project.root, capture_output=True, text=True, env=variables, timeout=600)
    assert done.returncode == 0, f"{command[-1]}\n{done.stdout[-1500:]}{done.stderr[-1500:]}"


@pytest.fixture(scope="module")
def commands(project: Project) -> dict[str, list[str]]:
    """The arguments of each job's program by the name of its log; one that keeps what is there writes elsewhere."""
    done = project.snakemake("-n", "--forceall", "--printshellcmds")
    assert done.returncode == 0, done.stderr
    found = re.findall(r"(python -m weightscape\.stages .*?) > \S*?/logs/(\S+)\.log 2>&1", done.stdout + done.stderr)
    jobs = {log: shlex.split(command)[3:] for command, log in found}
    elsewhere = {stage: ["--out", str(project.root / stage)] for stage in ("evaluate", "curvature", "penalties")}
    return {log: [*arguments, *elsewhere.get(arguments[0], [])] for log, arguments in jobs.items()}


@cache
def seen(project: Project, stage: str, log: str, arguments: tuple[str, ...]) -> dict[str, Any]:
    out = project.root / f"{log.replace('/', '.')}.seen.json"
    run(project, sys.executable, "-c", RECORDED, str(out), stage, *arguments[1:])
    return json.loads(out.read_text())


def toy_command(stage: str) -> str:
    """The command in a stage program's docstring, for the smoke study, with the settings that it asks for."""
    source = (PACKAGE / "stages" / f"{stage}.py").read_text()
    lines = (ast.get_docstring(ast.parse(source), clean=False) or "").splitlines()
    command = "\n".join(line.strip() for line in lines if line.startswith("    "))
    command = command.replace("results/", "results/studies/smoke/")
    return re.sub(r'"\$\(weightscape (settings [^)]*)\)"', lambda found: shlex.quote(settings(found[1])), command)


def settings(words: str) -> str:
    """The words that `weightscape settings` prints for the smoke study."""
    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert main([*shlex.split(words), "--config", str(DEFAULT_CONFIG), CONFIG[0], str(ROOT / CONFIG[1])]) == 0
    return said.getvalue().strip()


def leaves(value: dict[str, Any], path: str = "") -> set[str]:
    found: set[str] = set()
    for key, part in value.items():
        found |= leaves(part, f"{path}{key}/") if isinstance(part, dict) and part else {f"{path}{key}"}
    return found


STAGES = sorted({path.stem for path in (PACKAGE / "stages").glob("[a-z]*.py")} - {"fetch"})  # fetch needs a network


@pytest.mark.parametrize("stage", STAGES)
def test_the_toy_command_of_a_stage_is_of_its_program_with_settings_that_it_takes(
    stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = shlex.split(toy_command(stage))
    assert words[:3] == ["python", "-m", f"weightscape.stages.{stage}"]
    started = []
    monkeypatch.setattr(Program, "check", lambda program: started.append(program.stage) or sys.exit())
    with pytest.raises(SystemExit):
        importlib.import_module(words[2]).main(words[3:])
    assert started == [stage]


@pytest.mark.commands
@pytest.mark.parametrize("stage", STAGES)
def test_a_stages_program_runs_by_hand_with_its_toy_command(project: Project, stage: str, tmp_path: Path) -> None:
    command = toy_command(stage).replace("/tmp/", f"{tmp_path}/")
    program = f"python -m weightscape.stages.{stage} "
    run(project, "bash", "-c", command.replace(program, f"python -m weightscape.stages {stage} "))


def test_every_stage_has_a_job_here() -> None:
    assert set(JOBS) == set(STAGES) - {"reanalyse", "drop_weights"}  # of other studies


@pytest.mark.parametrize("stage", JOBS)
def test_a_stage_reads_every_key_that_it_declares_and_no_other(
    project: Project, commands: dict[str, list[str]], stage: str
) -> None:
    declared: set[str] = set()
    used: set[str] = set()
    for log in JOBS[stage]:
        arguments = commands[log]
        declared |= leaves(json.loads(arguments[arguments.index("--settings") + 1]))
        used |= set(seen(project, stage, log, tuple(arguments))["used"])
    excused = NAMES.get(stage, set()) | SHOWN.get(stage, set())
    unused = {key for key in declared - used if key.split("/")[0] not in excused} - CHOOSES.get(stage, set())
    unused = {key for key in unused if key.split("/")[-1] not in TELLS} - SWITCHED_OFF.get(stage, set())
    parents = {key.rpartition("/")[0] for key in declared} | {key.split("/")[0] for key in declared}
    assert not unused, f"declared, but not read: {sorted(unused)}"
    unknown = {key for key in used - declared - parents if not key.startswith(OPTIONAL.get(stage, ("\0",)))}
    assert not unknown, f"read, but not declared: {sorted(unknown)}"


@pytest.mark.parametrize("stage", JOBS)
def test_the_digest_of_a_stage_covers_all_that_a_real_run_loads(
    project: Project, commands: dict[str, list[str]], stage: str
) -> None:
    for log in JOBS[stage]:
        further = {"figure": f"figures.{log.partition('/')[2]}", "data": "data.digits"}.get(stage)
        covered = set(code_digest.modules_of(stage, *([further] if further else [])))
        loaded = set(seen(project, stage, log, tuple(commands[log]))["loaded"])
        loaded.remove(code_digest.ROOT)  # the package's own file, which decides no result
        assert loaded <= covered, sorted(loaded - covered)


def test_every_record_of_the_study_is_placed(smoke: Project) -> None:
    for path in smoke.results.rglob("[a-z]*.json"):
        content = json.loads(path.read_text())
        if isinstance(content, dict) and "outputs" in content and path.parent.parent.name != "logs":
            assert job_of(str(path.relative_to(smoke.results)), content["stage"]) is not None, path
