"""The records that `weightscape verify` and `status` expect of a study, against those that Snakemake would make."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from weightscape.project import ROOT
from weightscape.study.config import load
from weightscape.study.jobs import expected

PIPELINE = {"kind": "text_to_image", "gate": {"classifier": "judge"}, "shards": 3}
pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("families", "generate"),
    [
        (["dropout"], {}),
        (["weight_decay", "label_noise", "real_add"], {}),
        (["noise", "synthetic_replace"], PIPELINE),
    ],
)
def test_the_expected_records_are_those_of_the_rules(
    families: list[str], generate: dict[str, Any], tmp_path: Path
) -> None:
    study = tmp_path / "study.yaml"
    content = {"study": {"name": "expected", "families": families, "seeds": [0, 1]}, "generate": generate}
    study.write_text(yaml.safe_dump(content))
    command = [sys.executable, "-m", "snakemake", "--summary", "--configfile", str(study)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=True)
    files = (line.partition("\t")[0] for line in done.stdout.splitlines()[1:])
    made = {file.removeprefix("results/studies/expected/") for file in files}
    places = expected(load(ROOT / "config.yaml", study))
    assert places <= made
    assert {file for file in made if file.endswith("manifest.json")} <= places
