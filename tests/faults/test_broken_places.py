"""Two owners of one folder, code edited under a job, and truncated files in every place where one is read."""

import json
import re
import shlex
import sys
import time
from subprocess import PIPE, Popen, run

import pytest

from toy_project import CONFIG, Project, environment, linked_copy

pytestmark = [pytest.mark.slow, pytest.mark.faults]
JOBS = {  # a job of every stage that reads files, and the record beside its result
    "corrupt/digits.ood-blur-3": "1_data/digits/ood-blur-3/manifest.json",
    "train_generator/digits.ddpm": "2_generate/digits/ddpm/model/manifest.json",
    "generate/digits.ddpm.recipe-strong.00000": "2_generate/digits/ddpm/recipe-strong/shard-00000.json",
    "train_judge/digits": "2_generate/digits/judge/manifest.json",
    "measure_quality/digits.ddpm": "2_generate/digits/ddpm/manifest.json",
    "assemble/digits.synthetic_add.half.seed0": "3_assemble/digits/synthetic_add/half/seed0/manifest.json",
    "measure_diversity/digits.noise.weak": "3_assemble/digits/noise/weak/diversity/manifest.json",
    "finetune/digits.efficientnet-lite0.noise.weak.seed0": "4_finetune/digits/efficientnet-lite0/noise/weak/seed0/"
    "manifest.json",
    "assemble/digits.real": "3_assemble/digits/real/manifest.json",
    "spectra_before/efficientnet-lite0": "5_spectra/before/efficientnet-lite0/manifest.json",
    "spectra/digits.efficientnet-lite0.noise.weak.seed0": "5_spectra/digits/efficientnet-lite0/noise/weak/seed0/"
    "manifest.json",
    "aggregate": "6_metrics/aggregate.json",
    "analyse": "6_metrics/analyse.json",
    "figure/esd": "7_figures/esd.json",
    "evaluate/digits.efficientnet-lite0.noise.weak": "4_finetune/digits/efficientnet-lite0/noise/weak/seed0/evaluation/"
    "manifest.json",
    "curvature/digits.efficientnet-lite0.noise.weak": "4_finetune/digits/efficientnet-lite0/noise/weak/seed0/curvature/"
    "manifest.json",
    "penalties/digits.efficientnet-lite0.noise.weak": "4_finetune/digits/efficientnet-lite0/noise/weak/seed0/penalties/"
    "manifest.json",
}


@pytest.fixture(scope="module")
def commands(smoke: Project, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, dict[str, str]]:
    """A copy of the finished study, and the command of every job by the name of its log."""
    project = linked_copy(smoke, tmp_path_factory.mktemp("broken"))
    done = project.snakemake("-n", "--forceall", "--printshellcmds")
    assert done.returncode == 0, done.stderr
    found = re.findall(r"(python -m weightscape\.stages .*?) > \S*?/logs/(\S+)\.log 2>&1", done.stdout + done.stderr)
    return project, {log: command for command, log in found}


@pytest.mark.parametrize("log", JOBS)
def test_a_truncated_input_is_one_sentence_that_names_it(commands: tuple[Project, dict[str, str]], log: str) -> None:
    project, every = commands
    inputs = json.loads((project.results / JOBS[log]).read_text())["inputs"]
    names = [name for name in inputs if name.endswith((".safetensors", ".parquet"))]
    assert names or log == "aggregate"
    for name in names or ["5_spectra/before/efficientnet-lite0/layers.parquet"]:
        if log.startswith(
            ("evaluate/", "curvature/", "penalties/")
        ):  # what was measured before for these weights is kept
            (project.results / JOBS[log]).unlink(missing_ok=True)
        path = project.results / name
        content = path.read_bytes()
        project.write(str(path.relative_to(project.root)), content[: len(content) // 2])
        command = [sys.executable, *shlex.split(every[log])[1:]]
        variables = environment(PYTHONPATH=str(project.root / "workflow"))
        done = run(command, cwd=project.root, capture_output=True, text=True, env=variables, timeout=600)
        project.write(str(path.relative_to(project.root)), content)
        last = done.stderr.strip().splitlines()[-1]
        assert done.returncode == 1 and last.startswith("error: ") and path.name in last, done.stderr
        assert "Traceback" not in done.stderr


def test_a_second_snakemake_in_one_folder_leaves_the_first_alone(project: Project) -> None:
    before = project.contents()
    command = ["snakemake", "--cores", "1", *CONFIG, "--forcerun", "analyse"]
    with Popen(command, cwd=project.root, stdout=PIPE, stderr=PIPE, text=True, env=environment()) as first:
        while not list((project.root / ".snakemake" / "locks").glob("*")):
            assert first.poll() is None, first.communicate()
            time.sleep(0.05)
        second = project.snakemake("--forcerun", "analyse")
        printed = second.stdout + second.stderr
        assert second.returncode != 0 and f"process {first.pid} " in printed and "makes these results" in printed
        assert "--unlock" not in printed and "--cleanup-metadata" not in printed
        resumed = project.weightscape("resume", *CONFIG)
        assert resumed.returncode == 1 and "still works in" in resumed.stderr
        printed = first.communicate(timeout=900)
    assert first.returncode == 0, printed
    assert project.contents() == before


def test_code_that_was_edited_while_a_job_waited_is_one_sentence_and_no_result(project: Project) -> None:
    before = project.contents()
    module = "workflow/weightscape/metrics/analysis/verdicts.py"
    text = (project.root / module).read_text()
    command = ["snakemake", "--cores", "1", *CONFIG, "--forcerun", "aggregate"]
    record = project.results / JOBS["aggregate"]
    inode = record.stat().st_ino
    with Popen(command, cwd=project.root, stdout=PIPE, stderr=PIPE, text=True, env=environment()) as running:
        while record.exists() and record.stat().st_ino == inode:  # until aggregate begins, and analyse waits
            assert running.poll() is None, running.communicate()
            time.sleep(0.05)
        project.write(module, f"{text}\n\nEDITED = 1\n")
        running.communicate(timeout=900)
    assert running.returncode != 0
    log = (project.results / "logs" / "analyse.log").read_text()
    assert "the code of stage analyse was edited after the workflow planned this job" in log
    assert not (project.results / JOBS["analyse"]).exists()
    project.write(module, text)
    assert project.snakemake().returncode == 0
    assert project.contents() == before
