"""A folder with a workflow in it, in which heads are started as `make cluster` starts them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from weightscape.project import ROOT


class Project:
    """A folder with a workflow in it, in which heads are started as `make cluster` starts them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.heads: list[subprocess.Popen[str]] = []

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a head; what it says goes to the file `head.log`."""
        package = self.folder / "workflow" if (self.folder / "workflow/weightscape").is_dir() else ROOT / "workflow"
        environment = {k: v for k, v in os.environ.items() if k not in ("PYTEST_CURRENT_TEST",)}
        environment |= {"PYTHONPATH": str(package), "PYTHONUNBUFFERED": "1", "WEIGHTSCAPE_DEVICE": "cpu"}
        command = [sys.executable, "-m", "weightscape.cli", "cluster", *words]
        with (self.folder / "head.log").open("a") as log:
            head = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, text=True, env=environment)
        self.heads.append(head)
        return head

    def run(self, *words: str, seconds: float = 600) -> int:
        """Start a head and wait for its end."""
        return self.start(*words).wait(seconds)

    @property
    def said(self) -> str:
        """The log of all heads so far."""
        return (self.folder / "head.log").read_text()

    def jobs(self, state: str) -> list[str]:
        """Numbers of this project's jobs in the queue in a state."""
        command = ["squeue", "--noheader", "--states", state, "--format", "%i %Z"]
        rows = [line.split() for line in subprocess.check_output(command, text=True).splitlines()]
        return [number for number, folder in rows if Path(folder) == self.folder]

    def close(self) -> None:
        """End what is still there."""
        for head in self.heads:
            if head.poll() is None:
                head.send_signal(signal.SIGKILL)
                head.wait()
        for number in self.jobs("RUNNING,PENDING"):
            subprocess.run(["scancel", number])


def wait_for(answer: Callable[[], object], seconds: float = 300) -> None:
    """Wait until the answer is true."""
    end = time.monotonic() + seconds
    while not answer():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.2)
