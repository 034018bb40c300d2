"""Jobs side by side take one GPU each, and give it back however they end."""

import subprocess
import sys
from pathlib import Path

import pytest

CLAIM = """
import sys
from pathlib import Path
from weightscape.networks import device
print(device.claim(["GPU-a", "GPU-b"], Path(sys.argv[1]), pause=0.05), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def claim(tmp_path: Path):
    """Starts a job that claims one of two GPUs and keeps it until its input ends."""
    jobs: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        command = [sys.executable, "-c", CLAIM, str(tmp_path / "locks")]
        jobs.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True))
        return jobs[-1]

    yield start
    for job in jobs:
        job.kill()
        job.communicate()


def answer(job: subprocess.Popen[str]) -> int:
    assert job.stdout
    return int(job.stdout.readline())


@pytest.mark.process
def test_two_jobs_take_different_gpus_and_a_third_waits_for_one_that_is_freed(claim) -> None:
    first, second = claim(), claim()
    assert sorted([answer(first), taken := answer(second)]) == [0, 1]
    third = claim()
    assert third.stderr and "all 2 GPUs are taken by other jobs" in third.stderr.readline()
    second.kill()
    assert answer(third) == taken


def test_gpus_are_named_as_the_machine_names_them() -> None:
    from weightscape.networks import device

    assert device.names(2, {}) == ["0", "1"]
    assert device.names(2, {"CUDA_VISIBLE_DEVICES": "3, 5"}) == ["3", "5"]
    assert device.names(2, {"CUDA_VISIBLE_DEVICES": "3"}) == ["0", "1"]


@pytest.mark.parametrize(("count", "expected"), [(1, "cuda"), (2, "cuda:1")])
def test_a_device_is_claimed_only_where_there_are_several(monkeypatch, count: int, expected: str) -> None:
    import torch

    from weightscape.networks import device

    chosen = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(device, "claim", lambda names: len(names) - 1)
    assert str(device.prepare("auto", 1)) == expected
    assert [str(one) for one in chosen] == ([expected] if count > 1 else [])
