"""The config as the commands read it is the config as the workflow reads it, to the order of its keys."""

import json
import subprocess
from pathlib import Path

import pytest

from weightscape.project import ROOT
from weightscape.study.config import checked, load

CONFIG = ROOT / "config.yaml"
SNAKEFILE = """
import json
configfile: "config.yaml"
with open("seen.json", "w") as stream:
    json.dump(config, stream)
rule all:
"""
STUDY = """
study: {name: tiny, families: [noise, steps]}
families:
  steps: {axis: factor}
  noise: {doses: {tiny: {sigma: 0.01}, weak: null}}
"""


@pytest.mark.process
def test_a_study_that_adds_doses_has_them_in_snakemakes_order(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG.read_text())
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "tiny.yaml").write_text(STUDY)
    command = ["snakemake", "-n", "--quiet", "--configfile", "tiny.yaml"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=120)
    seen = checked(json.loads((tmp_path / "seen.json").read_text()))
    found = load(tmp_path / "config.yaml", tmp_path / "tiny.yaml")
    assert list(found["families"]["noise"]["doses"]) == ["tiny", "strong"]
    assert json.dumps(found) == json.dumps(seen)
