"""A bundle asks Slurm for what its jobs need side by side, with one GPU for all, and runs them so.

Where a job of it fails, the others keep what they made, or are tried again. Here `sbatch` runs a job at once;
tests/slurm has bundles on a real Slurm.
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


def run_on_site(
    folder: Path, snakefile: str, tools: dict[str, str], limit: int, retries: int, monkeypatch: pytest.MonkeyPatch
) -> "subprocess.CompletedProcess[str]":
    """Runs a head in a folder, with the profile for Slurm and `limit` jobs on a GPU."""
    for name, text in tools.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    (folder / "Snakefile").write_text(snakefile)
    profile = yaml.safe_load((ROOT / "workflow/profiles/slurm/config.yaml").read_text())
    profile["resources"]["gpu"] = limit
    profile |= {"latency-wait": 2, "seconds-between-status-checks": 1, "slurm-init-seconds-before-status-checks": 1}
    profile["default-resources"] |= {"slurm_partition": "site", "slurm_account": "site"}
    (folder / "profile").mkdir()
    (folder / "profile/config.yaml").write_text(yaml.safe_dump(profile))
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    command = [sys.executable, "-m", "snakemake", "--workflow-profile", "profile", "--retries", str(retries)]
    command += ["--slurm-status-command", "squeue"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900)


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
    (tmp_path / "wait").write_text(UNTIL_BEGUN.format(count=limit))
    head = run_on_site(tmp_path, SNAKEFILE, TOOLS, limit, 0, monkeypatch)
    assert (tmp_path / "asked").is_file(), head.stderr
    words = (tmp_path / "asked").read_text().split("\n")
    assert asked <= {*words, *map(" ".join, itertools.pairwise(words))}
    changes = [int(line) for line in (tmp_path / "journal").read_text().split()]
    assert changes.count(1) == changes.count(-1) == 4, (tmp_path / "said").read_text()
    assert max(itertools.accumulate(changes)) == limit


FAILING = (
    SNAKEFILE.partition("rule all")[0]
    + """
rule all:
    input: expand("seen{number}", number=range(4))
    localrule: True

rule finetune:
    output: "run{number}"
    log: "run{number}.log"
    resources: gpu=1
    shell: "echo {wildcards.number} >> attempts; sh work {wildcards.number} > {log}; touch {output}"

rule see:
    input: "run{number}"
    output: "seen{number}"
    localrule: True
    shell: "touch {output}"
"""
)
WORK = """
[ $1 = 0 ] || [ $1 = 2 ] && exit
for _ in $(seq 3000); do [ -e run0 ] && [ -e run2 ] && break; sleep 0.1; done
sleep 1
[ $1 = 1 ] && echo 'error: the loss is nan: lower the rate' && exit 1
[ "$(grep -c 3 attempts)" -ge 2 ]
"""
"""Jobs 0 and 2 succeed at once; 1 then says what its user can mend, 3 fails once without a word."""
KEEPING = TOOLS | {
    "sbatch": 'for last; do :; done; n=$(ls | grep -c "^job"); touch job$n; state=COMPLETED;'
    ' sh -c "${last#--wrap=}" >> said 2>&1 || state=FAILED; echo "$n|$state" >> states; echo $n',
    "squeue": "cat states",
    "scontrol": "echo MinJobAge = 3600 sec",
}


def test_of_a_bundle_in_which_jobs_fail_only_those_are_tried_again_that_may_succeed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work").write_text(WORK)
    head = run_on_site(tmp_path, FAILING, KEEPING, 4, 1, monkeypatch)
    attempts = (tmp_path / "attempts").read_text().split()
    assert [attempts.count(str(number)) for number in range(4)] == [1, 1, 1, 2], head.stderr[-3000:]
    assert [(tmp_path / f"seen{number}").exists() for number in range(4)] == [True, False, True, True], head.stderr
    assert head.returncode == 1
    assert "finetune is not tried again, since a user's error ended it: the loss is nan: lower the rate" in head.stderr
    assert (tmp_path / "states").read_text().split() == ["0|FAILED", "1|COMPLETED"]


REQUEUEING = KEEPING | {
    "sbatch": 'for last; do :; done; setsid sh -c "${last#--wrap=}" > said 2>&1 & killed=$!;'
    " for _ in $(seq 3000); do [ $(cat attempts | wc -l)$(ls .snakemake/weightscape/finished-* | wc -l) = 42 ]"
    " && break; sleep 0.1; done; kill -KILL -$killed; touch again; state=COMPLETED;"
    ' sh -c "${last#--wrap=}" >> said 2>&1 || state=FAILED; echo "0|$state" > states; echo 0',
}
REQUEUED = "[ $1 = 0 ] || [ $1 = 2 ] && exit; [ -e again ] && exit; sleep 600"


def test_a_bundle_that_slurm_requeues_goes_on_after_the_jobs_that_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work").write_text(REQUEUED)
    head = run_on_site(tmp_path, FAILING, REQUEUEING, 4, 0, monkeypatch)
    assert head.returncode == 0, head.stderr[-3000:] + (tmp_path / "said").read_text()[-3000:]
    attempts = (tmp_path / "attempts").read_text().split()
    assert [attempts.count(str(number)) for number in range(4)] == [1, 2, 1, 2], (tmp_path / "said").read_text()
    assert (tmp_path / "states").read_text().split() == ["0|COMPLETED"]
