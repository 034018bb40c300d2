"""The Snakemake of a submitted job takes the config and the code digests of its head, whatever was edited since."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from weightscape.data import readers
from weightscape.engine.snakefile import PLANNED
from weightscape.project import ROOT
from weightscape.study import settings
from weightscape.study.config import checked

TARGET = "results/1_data/digits/train/manifest.json"
LOG = "results/logs/data/digits.train.log"
pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("mode", "held"), [("remote", True), ("default", False)])
def test_only_a_submitted_job_is_held_to_what_its_head_planned(tmp_path: Path, mode: str, held: bool) -> None:
    for name in ("config.yaml", "workflow", "envs"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copy(ROOT / "Snakefile", tmp_path)
    config = checked(yaml.safe_load((ROOT / "config.yaml").read_text()))
    config["data"]["digits"]["splits"]["val"] = 12
    asked = settings.settings(config, "data", {"dataset": "digits", "split": "train"})
    planned = {"config": config, "code": {" ".join(["data", *readers.of_split(asked)]): "0123456789abcdef"}}
    (tmp_path / "planned.json").write_text(json.dumps(planned))
    environment = {**os.environ, PLANNED: str(tmp_path / "planned.json")}
    command = ["snakemake", TARGET, "--cores", "1", "--printshellcmds", "--mode", mode]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert (tmp_path / LOG).is_file(), done.stderr[-2000:]
    log = (tmp_path / LOG).read_text()
    assert (done.returncode != 0) == held, done.stderr[-2000:]
    assert ("was edited after the workflow planned this job (planned 0123456789abcdef)" in log) == held
    assert ('"val": 12' in done.stderr + done.stdout) == held
