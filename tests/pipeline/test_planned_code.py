"""The Snakemake of a submitted job takes the code digests of its head, so that an edit in between is found."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TARGET = "results/1_data/digits/val/manifest.json"
LOG = "results/logs/data/digits.val.log"
pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("mode", "found"), [("remote", True), ("default", False)])
def test_only_a_submitted_job_is_held_to_the_digests_of_its_head(tmp_path: Path, mode: str, found: bool) -> None:
    for name in ("Snakefile", "config.yaml", "workflow", "envs"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "Snakefile").unlink()
    shutil.copy(ROOT / "Snakefile", tmp_path)
    environment = {**os.environ, "WEIGHTSCAPE_PLANNED_CODE": json.dumps({"data": "0123456789abcdef"})}
    command = ["snakemake", TARGET, "--cores", "1", "--mode", mode]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    log = (tmp_path / LOG).read_text()
    assert (done.returncode != 0) == found, done.stderr[-2000:]
    assert ("was edited after the workflow planned this job (planned 0123456789abcdef)" in log) == found
