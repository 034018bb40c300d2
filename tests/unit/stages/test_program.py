"""The end of a stage program: its exit code, its last lines, and what it does not wait for."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from weightscape.project import WORKFLOW

pytestmark = pytest.mark.process

PROGRAM = """
import atexit, signal, sys, threading, time, types, weakref
from pathlib import Path
from weightscape.errors import Stopped, UserError
from weightscape.stages import _program
class Network:
    pass
device = sys.modules["weightscape.networks.device"] = types.ModuleType("device")
device.tolerated = lambda error: "deterministic" in str(error)
way, here = sys.argv[1], Path(sys.argv[2])
atexit.register((here / "torn down").touch)
def later():
    time.sleep(0.3)
    (here / "saved").touch()
def main():
    print("a line without a flush", end="")
    if way == "sentence":
        raise UserError("a sentence")
    if way == "fault":
        raise ValueError("broken")
    if way == "memory":
        raise RuntimeError("CUDA error: out of memory")
    if way == "machine":
        raise MemoryError
    if way == "stopped":
        raise Stopped
    if way == "usage":
        sys.exit(2)
    if way == "text":
        sys.exit("a text")
    if way == "thread":
        threading.Thread(target=later).start()
    if way == "device":
        again = getattr(device, "asked", None)
        if again:
            print(f", {again() is None}", end="")
        else:
            network = Network()
            device.asked = weakref.ref(network)
            raise RuntimeError("not deterministic")
    if way == "wait":
        try:
            (here / "waits").touch()
            time.sleep(60)
        finally:
            (here / "ends").touch()
            later()
_program.run(main)
"""


def ended(way: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """A program that has ended in the given way."""
    command = [sys.executable, "-c", PROGRAM, way, str(folder)]
    return subprocess.run(command, env={"PYTHONPATH": str(WORKFLOW)}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("way", "code", "error"),
    [
        ("well", 0, ""),
        ("sentence", 1, "error: a sentence\n"),
        ("fault", 1, "ValueError: broken\n"),
        ("stopped", 143, ""),
        ("memory", 1, "give the job one with more memory\n"),
        ("machine", 1, "give the job more memory\n"),
        ("usage", 2, ""),
        ("text", 1, "a text\n"),
    ],
)
def test_a_program_ends_with_its_code_and_all_that_it_printed(way, code, error, tmp_path):
    program = ended(way, tmp_path)
    assert (program.returncode, program.stdout) == (code, "a line without a flush")
    assert program.stderr.endswith(error) if error else program.stderr == ""
    assert ("Traceback" in program.stderr) == (way == "fault")


def test_a_second_try_begins_with_the_memory_of_the_first_free(tmp_path):
    program = ended("device", tmp_path)
    assert program.returncode == 0 and program.stdout.endswith(", True"), program.stderr


def test_nothing_is_torn_down(tmp_path):
    assert ended("well", tmp_path).returncode == 0
    assert not (tmp_path / "torn down").exists()


def test_a_thread_that_still_works_is_waited_for(tmp_path):
    assert ended("thread", tmp_path).returncode == 0
    assert (tmp_path / "saved").exists()


def test_a_second_sigterm_does_not_cut_short_what_the_first_began(tmp_path):
    command = [sys.executable, "-c", PROGRAM, "wait", str(tmp_path)]
    program = subprocess.Popen(command, env={"PYTHONPATH": str(WORKFLOW)}, stdout=subprocess.DEVNULL)
    for name in ("waits", "ends"):
        while not (tmp_path / name).exists():
            assert program.poll() is None
        program.send_signal(signal.SIGTERM)
    assert program.wait(60) == 143
    assert (tmp_path / "saved").exists()
