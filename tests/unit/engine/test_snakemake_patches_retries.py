"""A job that a user's error ended is not tried again; other failures are."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from weightscape.engine.snakemake_patches import users_error
from weightscape.project import WORKFLOW

SNAKEFILE = f"""
import sys
sys.path.insert(0, {str(WORKFLOW)!r})
from weightscape.engine import snakemake_patches
snakemake_patches.apply(workflow)

rule all:
    input: "user", "crash"

rule makes:
    output: "{{kind}}"
    log: "{{kind}}.log"
    shell: "echo {{wildcards.kind}} >> attempts; cat said-{{wildcards.kind}} > {{log}}; exit 1"
"""


@pytest.mark.process
def test_only_failures_that_no_user_can_mend_are_tried_again(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "said-user").write_text("progress\nerror: data.own.root = 'x' is no folder: correct it\n")
    (tmp_path / "said-crash").write_text("error: earlier\nTraceback (most recent call last):\nKeyError: 'x'\n")
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--retries", "2", "--keep-going"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    attempts = (tmp_path / "attempts").read_text().split()
    assert done.returncode == 1
    assert (attempts.count("user"), attempts.count("crash")) == (1, 3), done.stderr
    assert "makes is not tried again, since a user's error ended it: data.own.root = 'x' is no folder" in done.stderr


@pytest.mark.parametrize(
    ("rule", "said", "sentence"),
    [
        ("finetune", b"a\nerror: lower it\n\n", "lower it"),
        ("finetune", b"error: lower it", "lower it"),
        ("finetune", b"error: \xff", "\N{REPLACEMENT CHARACTER}"),
        ("finetune", b"error: lower it\nTraceback", ""),
        ("finetune", b"", ""),
        ("finetune", b"x" * 20_000 + b"\nerror: lower it", "lower it"),
        ("fetch", b"error: no network", ""),
        ("finetune", b"attempt failed: this machine's memory is too small (MemoryError): lower the batch size", ""),
        (
            "finetune",
            b"attempt failed: the GPU's memory is too small (6 GB, and another process shares it): lower it",
            "",
        ),
        (
            "finetune",
            b"error: the GPU's memory is too small (6 GB): lower it",
            "the GPU's memory is too small (6 GB): lower it",
        ),
    ],
)
def test_a_users_error_is_the_last_line_of_a_new_log(rule: str, said: bytes, sentence: str, tmp_path: Path) -> None:
    log = tmp_path / "job.log"
    log.write_bytes(said)
    os.utime(log, (1000, 1000))
    assert users_error(rule, [str(log)], 999) == sentence
    assert users_error(rule, [str(log)], 1001) == "" == users_error(rule, [str(tmp_path / "none.log")], 0)
