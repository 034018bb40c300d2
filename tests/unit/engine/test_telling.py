"""What Snakemake shows of a fault: the log of a job that failed."""

import subprocess
import sys
from pathlib import Path

import pytest

from weightscape.project import ROOT

WORKFLOW = ROOT / "workflow"
SNAKEFILE = f"""
import sys
sys.path.insert(0, {str(WORKFLOW)!r})
from weightscape import telling
telling.logs_of_failed_jobs(workflow.logger_manager.logger)

rule fails:
    output: "made"
    log: "fails.log"
    shell: "echo error: mend it > {{log}}; exit 1"
"""


@pytest.mark.process
def test_the_log_of_a_failed_job_is_shown(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    command = [sys.executable, "-m", "snakemake", "--cores", "1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "Logfile fails.log:" in done.stderr and "\nerror: mend it\n" in done.stderr
