"""The paper's study is planned: every job of its grid, from the config alone."""

import os
import re
import subprocess
import sys

import pytest

from weightscape import families
from weightscape.project import ROOT
from weightscape.study import study
from weightscape.study.config import load
from weightscape.study.jobs import places

CONFIG = load(ROOT / "config.yaml", ROOT / "workflow" / "studies" / "paper.yaml")


def test_the_papers_grid_has_its_runs_and_doses() -> None:
    assert len(places(CONFIG, "finetune")) == 4 * 3 * (44 * 5 + 15)
    doses = {family: len(study.doses(CONFIG, family)) for family in CONFIG["study"]["families"]}
    assert doses == {
        "augment": 7,
        "noise": 3,
        "synthetic_add": 6,
        "synthetic_replace": 6,
        "dropout": 6,
        "dropout_inside": 2,
        "weight_decay": 6,
        "duplicate": 3,
        "label_noise": 1,
        "real_add": 2,
        "steps": 2,
    }


@pytest.mark.slow
@pytest.mark.faults
def test_the_papers_grid_is_planned_whole() -> None:
    runs, conditions = places(CONFIG, "finetune"), study.conditions(CONFIG)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "rules", "--cores", "4"]
    command += ["--configfile", "workflow/studies/paper.yaml", "--nolock"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment, timeout=900)
    text = done.stdout + done.stderr
    assert done.returncode == 0, text[-3000:]
    jobs = {m[1]: int(m[2]) for m in re.finditer(r"^(\w+) +(\d+)$", text, re.MULTILINE)}
    assert jobs["finetune"] == jobs["spectra"] == len(runs)
    assert jobs["evaluate"] == 4 * 3 * 44
    assert jobs["generate"] == 4 * CONFIG["generate"]["shards"]
    assert jobs["fetch"] == 4 + 2 + 2  # data sets, CLIP's two towers, the pipeline and the gate's CLIP
    measured = sum(family in families.DIVERSITY_FAMILIES for family, _ in conditions)
    assert jobs["measure_diversity"] == 4 * (measured + 1)  # and of the baseline
    assert jobs["data"] + jobs["corrupt"] == sum(
        len(study.splits(CONFIG, name)) for name in CONFIG["study"]["datasets"]
    )
    assert jobs["total"] > 5000
