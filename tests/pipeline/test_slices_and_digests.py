"""Each stage declares exactly what it reads: the keys of its settings, and the modules that its digest covers."""

import json
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from toy_project import Project, environment, linked_copy
from weightscape.project import PACKAGE
from weightscape.provenance import code_digest
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


@pytest.fixture(scope="module")
def commands(smoke: Project, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, dict[str, list[str]]]:
    """A copy of the finished study, and the arguments of every job's program by the name of its log."""
    project = linked_copy(smoke, tmp_path_factory.mktemp("slices"))
    done = project.snakemake("-n", "--forceall", "--printshellcmds")
    assert done.returncode == 0, done.stderr
    found = re.findall(r"(python -m weightscape\.stages .*?) > \S*?/logs/(\S+)\.log 2>&1", done.stdout + done.stderr)
    return project, {log: shlex.split(command)[3:] for command, log in found}


@cache
def seen(project: Project, stage: str, log: str, arguments: tuple[str, ...]) -> dict[str, Any]:
    out = project.root / f"{log.replace('/', '.')}.seen.json"
    script = Path(__file__).with_name("recorded_stage.py")
    command = [sys.executable, str(script), str(out), stage, *arguments[1:]]
    variables = environment(PYTHONPATH=str(project.root / "workflow"))
    done = subprocess.run(command, cwd=project.root, capture_output=True, text=True, env=variables, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(out.read_text())


def leaves(value: dict[str, Any], path: str = "") -> set[str]:
    found: set[str] = set()
    for key, part in value.items():
        found |= leaves(part, f"{path}{key}/") if isinstance(part, dict) and part else {f"{path}{key}"}
    return found


def test_every_stage_has_a_job_here() -> None:
    stages = {path.stem for path in (PACKAGE / "stages").glob("[a-z]*.py")}
    stages -= {"reanalyse", "drop_weights", "fetch"}  # of other studies; fetch needs a network
    assert set(JOBS) == stages


@pytest.mark.parametrize("stage", JOBS)
def test_a_stage_reads_every_key_that_it_declares_and_no_other(commands: Any, stage: str) -> None:
    project, jobs = commands
    declared: set[str] = set()
    used: set[str] = set()
    for log in JOBS[stage]:
        arguments = jobs[log]
        if stage in ("evaluate", "curvature", "penalties"):  # elsewhere, or it keeps what it finds and reads nothing
            arguments = [*arguments, "--out", str(project.root / stage)]
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
def test_the_digest_of_a_stage_covers_all_that_a_real_run_loads(commands: Any, stage: str) -> None:
    project, jobs = commands
    for log in JOBS[stage]:
        further = {"figure": f"figures.{log.partition('/')[2]}", "data": "data.digits"}.get(stage)
        covered = set(code_digest.modules_of(stage, *([further] if further else [])))
        loaded = set(seen(project, stage, log, tuple(jobs[log]))["loaded"])
        assert loaded <= covered, sorted(loaded - covered)


def test_every_record_of_the_study_is_placed(smoke: Project) -> None:
    for path in smoke.results.rglob("[a-z]*.json"):
        content = json.loads(path.read_text())
        if isinstance(content, dict) and "outputs" in content and path.parent.parent.name != "logs":
            assert job_of(str(path.relative_to(smoke.results)), content["stage"]) is not None, path
