"""Results keep their worth without Snakemake's memory: verify, adopt, restore and resume after the smoke study."""

import shutil
import signal
import subprocess
import sys
import time

import pytest

from toy_project import CONFIG, Project, environment
from weightscape.engine import owner, processes
from weightscape.errors import UserError
from weightscape.formats.json_yaml import read_json

pytestmark = [pytest.mark.slow, pytest.mark.faults]
RUN = "4_finetune/digits/efficientnet-lite0/noise/weak/seed0"
TABLES = {"aggregate", "analyse", "report"}


def figures(project: Project) -> set[str]:
    return {f"figure/{name}" for name in project.config()["figures"]}


def test_a_finished_study_is_as_recorded_wherever_it_lies(project: Project) -> None:
    done = project.weightscape("verify", str(project.results))
    assert done.returncode == 0 and "all as recorded" in done.stdout, done.stdout + done.stderr
    assert "note: " not in done.stdout
    project.replace("envs/requirements.lock", "\nnumpy==", "\nnumpy==0.")
    done = project.weightscape("verify", str(project.results), "--config", "config.yaml")
    assert done.returncode == 0 and "results were made with numpy" in done.stdout, done.stdout
    shutil.move(project.results, project.root / "elsewhere")
    done = project.weightscape("verify", "elsewhere")
    assert done.returncode == 0 and "all as recorded" in done.stdout, done.stdout + done.stderr


def test_verify_names_each_kind_of_fault(project: Project) -> None:
    weights = project.results / RUN / "after.safetensors"
    project.write(str(weights.relative_to(project.root)), weights.read_bytes()[:-1])
    project.remove("7_figures/esd.pdf", "5_spectra/before/efficientnet-lite0")
    project.write("results/studies/smoke/6_metrics/notes.txt", "mine")
    project.write(f"results/studies/smoke/{RUN}/.after.safetensors.01234567.tmp", "half")
    project.set("families/label_noise/doses/fifth/share", 0.3)
    done = project.weightscape("verify", str(project.results), *CONFIG)
    assert done.returncode == 1
    for line in (
        f"tampered {RUN}/after.safetensors: its sha256 is not that in {RUN}/manifest.json",
        f"stale    {RUN}/evaluation/manifest.json: its input {RUN}/after.safetensors changed",
        "missing  7_figures/esd.pdf: 7_figures/esd.json names it",
        "missing  5_spectra/before/efficientnet-lite0/manifest.json: its job is not done",
        "extra    6_metrics/notes.txt: no record names it",
        f"extra    {RUN}/.after.safetensors.01234567.tmp: half written",
        "stale    3_assemble/digits/label_noise/fifth/seed0/manifest.json: its settings changed",
        "stale    8_report/manifest.json: its settings changed",
    ):
        assert line in done.stdout, done.stdout
    assert "1_data" not in done.stdout and "2_generate" not in done.stdout


def test_adopted_results_rerun_just_what_is_stale_then_and_later(project: Project) -> None:
    shutil.rmtree(project.root / ".snakemake")
    project.set("families/noise/doses/strong/sigma", 0.06)
    done = project.weightscape("adopt", *CONFIG)
    assert done.returncode == 0, done.stdout + done.stderr
    chain = {"measure_diversity/digits.noise.strong", *TABLES, *figures(project)}
    name = "digits.efficientnet-lite0.noise.strong"
    chain |= {f"finetune/{name}.seed0", f"spectra/{name}.seed0"}
    chain |= {f"{stage}/{name}" for stage in ("evaluate", "curvature")}
    perturbed = ("noise.weak", "noise.strong", "baseline.baseline")  # by the strongest noise
    chain |= {f"penalties/digits.efficientnet-lite0.{each}" for each in perturbed}
    assert project.planned() == chain
    assert not (project.results / "4_finetune/digits/efficientnet-lite0/noise/strong/seed0/after.safetensors").exists()
    project.set("evaluate/calibration_bins", 9)
    evaluations = {log for log in project.planned() if log.startswith("evaluate/")}
    assert len(evaluations) == 6, "a later change of the settings must be seen"


def test_results_from_elsewhere_or_without_the_projects_records_are_refused_until_adopted(project: Project) -> None:
    stamp = project.results / owner.RESULTS
    ours = stamp.read_text()
    for theirs in (ours.replace(read_json(stamp)["owner"], "other"), None):  # copied in; from before stamps
        stamp.unlink()
        if theirs:
            stamp.write_text(theirs)
        done = project.snakemake("-n")
        assert done.returncode == 1 and "run `weightscape adopt`" in done.stdout + done.stderr
    stamp.write_text(ours)  # restored from a backup
    assert project.planned() == set()
    (project.root / owner.PROJECT).unlink()
    assert project.snakemake("-n").returncode == 1
    assert project.weightscape("adopt", *CONFIG).returncode == 0
    assert project.planned() == set()


def test_what_is_no_part_of_the_study_is_adopted_when_it_is_again(project: Project) -> None:
    families = project.config()["study"]["families"]
    project.set("study/families", [name for name in families if name != "label_noise"])
    project.set("families/label_noise/doses/fifth/share", 0.3)
    project.set("data/digits/ood/rotation-3", None)
    project.drop("data/digits/ood/rotation-3")
    shutil.rmtree(project.root / ".snakemake")
    done = project.weightscape("adopt", *CONFIG)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stdout + done.stderr
    assert not any("label_noise" in log for log in project.planned())
    project.set("study/families", families)
    done = project.snakemake("-n")
    assert done.returncode == 1 and "run `weightscape adopt`" in done.stdout + done.stderr
    assert project.weightscape("adopt", *CONFIG).returncode == 0
    name = "digits.efficientnet-lite0.label_noise.fifth"
    wanted = {
        f"finetune/{name}.seed0",
        f"evaluate/{name}",
        f"spectra/{name}.seed0",
        "assemble/digits.label_noise.fifth.seed0",
    }
    assert wanted <= project.planned() and not any("baseline.seed0" in log for log in project.planned())


def test_an_evaluation_without_a_split_of_the_study_is_stale(project: Project) -> None:
    blur = {"source": "corruption", "kind": "blur", "severity": 5, "images": 50}
    project.set("data/digits/ood/blur-5", blur)
    made = project.results.relative_to(project.root) / "1_data/digits/ood-blur-5/manifest.json"
    assert project.snakemake(str(made)).returncode == 0
    done = project.weightscape("verify", str(project.results), *CONFIG)
    assert f"stale    {RUN}/evaluation/manifest.json: it was not made from 1_data/digits/ood-blur-5" in done.stdout
    before = {log for log in project.planned() if log.startswith("evaluate/")}
    shutil.rmtree(project.root / ".snakemake")
    assert project.weightscape("adopt", *CONFIG).returncode == 0
    assert {log for log in project.planned() if log.startswith("evaluate/")} == before and len(before) == 6


def test_links_in_a_results_folder_are_followed_and_those_to_nothing_are_missing(project: Project) -> None:
    elsewhere = project.root / "elsewhere"
    shutil.move(project.results / "5_spectra", elsewhere)
    (project.results / "5_spectra").symlink_to(elsewhere)
    weights = project.results / RUN / "after.safetensors"
    weights.unlink()
    weights.symlink_to("/nowhere/after.safetensors")
    done = project.weightscape("verify", str(project.results), *CONFIG)
    assert "Traceback" not in done.stderr and f"missing  {RUN}/after.safetensors" in done.stdout
    assert done.stdout.count("missing  ") == 1, done.stdout


def test_a_missing_intermediate_is_restored_as_it_was_and_nothing_else_runs(project: Project) -> None:
    before = project.contents()
    project.remove(f"{RUN}/after.safetensors", f"{RUN}/history.parquet", "3_assemble/digits/real")
    assert project.planned() == set()
    done = project.weightscape("restore", *CONFIG, "--cores", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert project.contents() == before
    assert project.planned() == set()
    done = project.weightscape("restore", *CONFIG)
    assert "nothing is missing" in done.stdout


def test_resume_refuses_while_someone_works_in_the_folder(project: Project) -> None:
    waiting = [sys.executable, "-c", "import time; time.sleep(60)", "weightscape.stages.finetune"]
    owner = subprocess.Popen(waiting, cwd=project.root)
    try:
        time.sleep(0.5)
        with pytest.raises(UserError, match=f"process {owner.pid} .* still works in"):
            processes.check_free(project.root)
        done = project.weightscape("resume", *CONFIG)
        assert done.returncode == 1 and "still works in" in done.stderr and "Traceback" not in done.stderr
    finally:
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    processes.check_free(project.root)


def test_resume_refuses_while_a_job_is_queued(project: Project) -> None:
    fake = project.root / "bin" / "squeue"
    project.write("bin/squeue", f"#!/bin/sh\necho '17|a|RUNNING|{project.root}'\necho '18|b|RUNNING|/somewhere/else'\n")
    fake.chmod(0o755)
    done = project.weightscape("resume", *CONFIG, PATH=f"{fake.parent}:{environment()['PATH']}")
    assert done.returncode == 1 and "Slurm job 17 still works in" in done.stderr
