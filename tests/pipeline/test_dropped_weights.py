"""keep_weights in the real rules, whose programs are replaced by one that only leaves the files behind."""

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from toy_project import new_project
from weightscape.engine.owner import ADOPTING
from weightscape.verification.dropped_weights import LEAVE

TOP = "results/studies/dropped"
RUNS = f"{TOP}/4_finetune/digits/efficientnet-lite0"
pytestmark = pytest.mark.slow

STUDY = """
study:
  {name: dropped, backbones: [efficientnet-lite0], families: [dropout], seeds: [0, 1], baseline_runs: 2,
   keep_weights: seed0}
"""

PROGRAM = '''#!%s
"""Stands for `python -m weightscape.stages NAME`: makes the files that the stage declares."""
import json, os, pathlib, re, sys
arguments = sys.argv[1:]
stage = arguments[2]
values = lambda name: arguments[arguments.index(name) + 1] if name in arguments else None
folders = []
if stage == "drop_weights":
    os.execv(sys.executable, [sys.executable, *arguments])
elif stage in ("evaluate", "penalties"):
    start = arguments.index("--runs") + 1
    end = next(place for place in range(start, len(arguments)) if arguments[place].startswith("--"))
    runs = arguments[start:end]
    assert all((pathlib.Path(run).parent / "after.safetensors").exists() for run in runs), "the weights are gone"
    folders = [pathlib.Path(run).parent / {"evaluate": "evaluation"}.get(stage, stage) for run in runs]
elif stage == "figure":
    for ending in ("pdf", "png", "json"):
        path = pathlib.Path(values("--out") + "." + ending)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
elif stage == "report":
    folders = [pathlib.Path(values("--out")).parent]
    folders[0].mkdir(parents=True, exist_ok=True)
    pathlib.Path(values("--out")).write_text("page")
else:
    folders = [pathlib.Path(values("--out") or values("--tables"))]
record = {"stage": stage, "settings": json.loads(values("--settings")), "code": values("--code"), "facts": {}}
rules = "".join(path.read_text() for path in sorted(pathlib.Path("workflow/rules").glob("[1-8]_[!r]*.smk")))
names = set(re.findall(r"/([a-z_]+\\.(?:json|safetensors|parquet))", rules)) | {"shard-00000.safetensors"}
names.remove("dropped.json")
schema = pathlib.Path("workflow/schemas/tables.schema.yaml").read_text()
tables = re.findall(r"(?m)^  ([a-z_]+):", schema)
names |= {name + ending for name in tables for ending in (".parquet", ".csv")}
for folder in folders:
    folder.mkdir(parents=True, exist_ok=True)
    run = re.search(r"digits/efficientnet-lite0/\\w+/\\w+/seed\\d", str(folder))
    record["inputs"] = {f"4_finetune/{run[0]}/after.safetensors": "of-these-weights"} if run else {}
    record["outputs"] = {"after.safetensors": "of-these-weights"} if stage == "finetune" else {}
    for name in names - ({"after.safetensors", "initial.safetensors"} if stage != "finetune" else set()):
        (folder / name).write_text(json.dumps(record) if name == "manifest.json" else "{}")
    (folder / "provenance.json").write_text(json.dumps({"wall_seconds": 3600}))
'''


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study with two runs of each condition, carried out by the stand-in."""
    place = new_project(tmp_path_factory.mktemp("project")).root
    (place / "study.yaml").write_text(STUDY)
    program = place / "bin" / "python"
    program.parent.mkdir()
    program.write_text(PROGRAM % sys.executable)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    done = snakemake(place)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return place


def snakemake(project: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    path = f"{project / 'bin'}{os.pathsep}{os.environ['PATH']}"
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"PATH": path} | variables
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", "study.yaml", *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, env=environment, timeout=600)


def weights(project: Path, top: str = TOP) -> set[str]:
    """The runs whose weights are there."""
    folder = project / top / "4_finetune/digits/efficientnet-lite0"
    return {str(path.parent.relative_to(folder)) for path in folder.rglob("after.safetensors")}


def test_the_first_seeds_weights_stay_and_the_others_go_once_they_are_measured(project: Path) -> None:
    assert weights(project) == {"baseline/baseline/seed0", "dropout/strong/seed0"}
    assert (project / RUNS / "dropout/strong/seed1/evaluation/manifest.json").exists()
    done = snakemake(project, "-n")
    assert "Nothing to be done" in done.stdout + done.stderr


def test_a_call_with_another_target_removes_no_weights_that_stay(project: Path) -> None:
    kept = weights(project)
    spectra = (project / "results/studies/dropped/5_spectra").rglob("seed0/manifest.json")
    done = snakemake(project, "--force", "--", *(str(path.relative_to(project)) for path in spectra))
    assert done.returncode == 0, done.stderr[-2000:]
    assert weights(project) == kept


@pytest.mark.faults
def test_runs_whose_weights_were_dropped_can_be_adopted(project: Path) -> None:
    kept = weights(project)
    known = project / ".snakemake" / "metadata"
    known.rename(project / "metadata")
    runs = [str(path.relative_to(project)) for path in (project / RUNS).rglob("manifest.json")]
    done = snakemake(project, "--touch", "--force", "--", *runs, **{ADOPTING: "1"})
    assert done.returncode == 0, done.stderr[-2000:]
    assert known.is_dir() and weights(project) == kept
    shutil.rmtree(known)
    (project / "metadata").rename(known)


@pytest.mark.faults
def test_weights_that_are_not_measured_yet_outlive_a_call_with_other_targets(project: Path) -> None:
    study, top = project / "study.yaml", "results/studies/unmeasured"
    study.write_text(STUDY.replace("dropped", "unmeasured").replace("seed0", "none"))
    runs = {f"{condition}/seed{seed}" for condition in ("baseline/baseline", "dropout/strong") for seed in (0, 1)}
    spectra = [f"{top}/5_spectra/digits/efficientnet-lite0/{run}/manifest.json" for run in runs]
    assert snakemake(project, "--", *spectra).returncode == 0
    assert weights(project, top) == runs
    done = snakemake(project)
    assert done.returncode == 0 and "Fine-tuning" not in done.stdout + done.stderr, done.stderr[-2000:]
    assert weights(project, top) == set()
    shutil.rmtree(project / top)
    study.write_text(STUDY)


@pytest.mark.faults
def test_weights_that_were_trained_anew_stay_until_all_measures_are_of_them(project: Path) -> None:
    study, top = project / "study.yaml", "results/studies/anew"
    study.write_text(STUDY.replace("dropped", "anew").replace("seed0", "none"))
    assert snakemake(project).returncode == 0
    assert weights(project, top) == set()
    study.write_text(study.read_text() + "finetune: {learning_rate: 0.001}\n")
    run = "dropout/strong/seed0"
    spectra = f"{top}/5_spectra/digits/efficientnet-lite0/{run}/manifest.json"
    assert snakemake(project, "--", spectra).returncode == 0
    assert weights(project, top) == {run}
    done = snakemake(project)
    assert done.returncode == 0, done.stderr[-2000:]
    trained = re.findall(r"Fine-tuning: .* (dropout \w+, seed \d)", done.stdout + done.stderr)
    assert "dropout strong, seed 1" in trained and "dropout strong, seed 0" not in trained
    assert weights(project, top) == set()
    shutil.rmtree(project / top)
    study.write_text(STUDY)


@pytest.mark.faults
def test_runs_whose_images_changed_are_no_retraining_for_dropped_weights(project: Path) -> None:
    study = project / "study.yaml"
    study.write_text(STUDY + "data: {digits: {splits: {val: 120}}}\n")
    done = snakemake(project, "-n")
    assert done.returncode == 0 and "finetune" in done.stdout + done.stderr, done.stderr[-2000:]
    study.write_text(STUDY)


@pytest.mark.parametrize(("change", "again"), [("seed", "1 run"), ("split", "2 runs")])
def test_a_new_seed_or_split_needs_the_weights_again(project: Path, change: str, again: str) -> None:
    study = project / "study.yaml"
    blur = "data: {digits: {ood: {blur-5: {source: corruption, kind: blur, severity: 5, images: 50}}}}\n"
    study.write_text(STUDY.replace("[0, 1]", "[0, 1, 2]") if change == "seed" else STUDY + blur)
    done = snakemake(project)
    assert done.returncode != 0 and f"error: this plan trains {again} again" in done.stderr + done.stdout
    study.write_text(STUDY)


def test_a_kill_between_the_measures_and_the_removal_loses_and_keeps_nothing_for_long(project: Path) -> None:
    kept, record = weights(project), project / RUNS / "dropout/strong/dropped.json"
    run = project / RUNS / "dropout/strong/seed1"
    for name in ("initial", "after"):
        (run / f"{name}.safetensors").write_text("{}")
    record.unlink()
    done = snakemake(project)
    assert done.returncode == 0 and "Fine-tuning" not in done.stdout + done.stderr, done.stderr[-2000:]
    assert weights(project) == kept and record.is_file()


@pytest.mark.faults
def test_a_plan_that_needs_dropped_weights_stops_and_says_what_it_would_cost(project: Path) -> None:
    more = project / "study.yaml"
    more.write_text(STUDY + "spectra: {farms: true}\n")
    before = manifests(project)
    done = snakemake(project)
    assert done.returncode != 0 and "Traceback" not in done.stderr
    sentence = rf"^error: this plan trains 2 runs again, about 2.0 GPU hours .*resume --allow-retraining.*{LEAVE}=1"
    assert re.search(sentence, done.stderr + done.stdout, re.MULTILINE), done.stderr[-2000:]
    assert manifests(project) == before
    more.write_text(STUDY)
    assert "Nothing to be done" in (done := snakemake(project, "-n")).stdout + done.stderr, (
        "taken back, as if not asked"
    )
    more.write_text(STUDY + "spectra: {farms: true}\n")
    allowed = snakemake(project, **{LEAVE: "1"})
    assert allowed.returncode == 0, allowed.stderr[-2000:]
    assert weights(project) == {"baseline/baseline/seed0", "dropout/strong/seed0"}
    done = snakemake(project, "-n")
    assert "Nothing to be done" in done.stdout + done.stderr


def manifests(project: Path) -> dict[Path, str]:
    """The records of the runs."""
    return {path: path.read_text() for path in (project / RUNS).rglob("manifest.json")}
