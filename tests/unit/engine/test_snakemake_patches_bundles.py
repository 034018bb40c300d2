"""A bundle asks Slurm for what its jobs need side by side, with one GPU for all, and runs them so.

Here `sbatch` notes what it is asked for and runs the job at once; tests/slurm has bundles on a real Slurm.
"""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from weightscape.project import ROOT, WORKFLOW

SNAKEFILE = f"""
import sys
sys.path.insert(0, {str(WORKFLOW)!r})
from weightscape.engine import snakemake_patches
snakemake_patches.apply(workflow)

rule all:
    input: expand("run{{number}}", number=range(4))
    localrule: True

rule finetune:
    output: "run{{number}}"
    resources: gpu=1
    shell: "echo 1 >> journal; sleep 0.5; sh wait; echo -1 >> journal; touch {{output}}"
"""
TOOLS = {
    "sbatch": 'printf "%s\\n" "$@" > asked; for last; do :; done; sh -c "${last#--wrap=}" > said 2>&1; exit 1',
    "srun": 'while [ "${1#-}" != "$1" ]; do shift; done; exec "$@"',
    **dict.fromkeys(("sinfo", "sacct", "sacctmgr"), "echo site"),
    **dict.fromkeys(("squeue", "scontrol"), ""),
}
UNTIL_BEGUN = 'for _ in $(seq 300); do [ "$(grep -cx 1 journal)" -ge {count} ] && exit; sleep 0.1; done; exit 1'
pytestmark = [pytest.mark.process, pytest.mark.slow]


@pytest.mark.parametrize(
    ("limit", "asked"),
    [
        (1, {"--mem 8000", "--cpus-per-task=4", "-t 240", "--gpus=1"}),
        (2, {"--mem 16000", "--cpus-per-task=8", "-t 120", "--gpus=1"}),
    ],
)
def test_so_many_jobs_of_a_bundle_run_side_by_side_on_one_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, asked: set[str]
) -> None:
    for name, text in TOOLS.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "wait").write_text(UNTIL_BEGUN.format(count=limit))
    profile = yaml.safe_load((ROOT / "workflow/profiles/slurm/config.yaml").read_text())
    profile["resources"]["gpu"] = limit
    profile |= {"latency-wait": 2, "seconds-between-status-checks": 1, "slurm-init-seconds-before-status-checks": 1}
    profile["default-resources"] |= {"slurm_partition": "site", "slurm_account": "site"}
    (tmp_path / "profile").mkdir()
    (tmp_path / "profile/config.yaml").write_text(yaml.safe_dump(profile))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    command = [sys.executable, "-m", "snakemake", "--workflow-profile", "profile", "--retries", "0"]
    head = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert (tmp_path / "asked").is_file(), head.stderr
    words = (tmp_path / "asked").read_text().split("\n")
    assert asked <= {*words, *map(" ".join, itertools.pairwise(words))}
    changes = [int(line) for line in (tmp_path / "journal").read_text().split()]
    assert changes.count(1) == changes.count(-1) == 4, (tmp_path / "said").read_text()
    assert max(itertools.accumulate(changes)) == limit
