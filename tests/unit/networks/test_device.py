"""Jobs side by side take one GPU each, and give it back however they end."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from weightscape.errors import UserError
from weightscape.networks import device

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
    assert device.names(2, {}) == ["0", "1"]
    assert device.names(2, {"CUDA_VISIBLE_DEVICES": "3, 5"}) == ["3", "5"]
    assert device.names(2, {"CUDA_VISIBLE_DEVICES": "3"}) == ["0", "1"]


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process that has chosen no device, and was given no GPU; torch is left as it was."""
    monkeypatch.setattr(device, "_chosen", [])
    monkeypatch.setattr(device, "unrepeatable", [])
    for name in ("SLURM_JOB_GPUS", "SLURM_STEP_GPUS", "CUDA_VISIBLE_DEVICES", device.CUBLAS[0]):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    mode = torch.get_deterministic_debug_mode()
    yield
    torch.set_deterministic_debug_mode(mode)


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> list[torch.device]:
    """A machine that seems to have two GPUs; the list holds those that were set."""
    chosen: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(device, "claim", lambda names: len(names) - 1)
    monkeypatch.setattr(device, "energy", lambda: None)
    return chosen


@pytest.mark.parametrize(("count", "expected"), [(1, "cuda"), (2, "cuda:1")])
def test_a_device_is_claimed_only_where_there_are_several(fresh, gpus, monkeypatch, count, expected) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    assert str(device.prepare("auto", 1)) == expected
    assert [str(one) for one in gpus] == ([expected] if count > 1 else [])


def test_a_process_that_prepares_twice_keeps_its_gpu(fresh, gpus) -> None:
    assert device.prepare("auto", 1) == device.prepare("auto", 1)
    assert len(gpus) == 1


def test_an_operation_that_does_not_repeat_is_an_error_on_cuda_until_a_stage_met_one(fresh, gpus, capsys) -> None:
    device.prepare("cuda", 1)
    assert torch.get_deterministic_debug_mode() == 2
    words = "kthvalue CUDA does not have a deterministic implementation, but you set 'x'."
    assert device.tolerated(RuntimeError(words))
    assert "kthvalue CUDA" in capsys.readouterr().err
    device.prepare("cuda", 1)
    assert torch.get_deterministic_debug_mode() == 1
    assert not device.tolerated(RuntimeError(words))


@pytest.mark.parametrize("asked", [None, ":16:8"])
def test_products_repeat_on_cuda_also_where_torch_leaves_that_to_a_variable(fresh, gpus, monkeypatch, asked) -> None:
    if asked:
        monkeypatch.setenv(device.CUBLAS[0], asked)
    device.prepare("cpu", 1)
    assert os.environ.get(device.CUBLAS[0]) == asked
    device.prepare("cuda", 1)
    assert os.environ[device.CUBLAS[0]] == (asked or ":4096:8")


def test_other_errors_are_not_tolerated(fresh) -> None:
    assert not device.tolerated(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


def test_a_cpu_only_warns_of_operations_that_do_not_repeat(fresh) -> None:
    device.prepare("cpu", 1)
    assert torch.get_deterministic_debug_mode() == 1


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("SLURM_JOB_GPUS", "0", "SLURM_JOB_GPUS=0"),
        ("SLURM_STEP_GPUS", "2,3", "SLURM_STEP_GPUS=2,3"),
        ("CUDA_VISIBLE_DEVICES", "GPU-1f", "CUDA_VISIBLE_DEVICES=GPU-1f"),
        ("CUDA_VISIBLE_DEVICES", "", None),
        ("CUDA_VISIBLE_DEVICES", "-1", None),
        ("CUDA_VISIBLE_DEVICES", "NoDevFiles", None),
    ],
)
def test_a_job_knows_that_it_was_given_a_gpu(fresh, variable, value, expected) -> None:
    assert device.given({variable: value}) == expected


@pytest.mark.parametrize(
    ("choice", "variables", "words"),
    [
        ("cuda", {}, "'cuda' was asked for"),
        ("cuda:1", {}, "'cuda:1' was asked for"),
        ("mps", {}, "'mps' was asked for"),
        ("auto", {"SLURM_JOB_GPUS": "1"}, "SLURM_JOB_GPUS=1 names a GPU"),
    ],
)
def test_a_gpu_that_torch_cannot_use_is_a_sentence_and_never_the_cpu(fresh, monkeypatch, choice, variables, words):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    def fail() -> None:
        raise RuntimeError("The NVIDIA driver on your system is too old (found version 12080).\nPlease update")

    monkeypatch.setattr(torch.cuda, "init", fail)
    with pytest.raises(UserError) as error:
        device.prepare(choice, 1)
    sentence = str(error.value)
    assert words in sentence and "WEIGHTSCAPE_DEVICE=cpu" in sentence and "\n" not in sentence
    assert ("too old (found version 12080)" in sentence) == (choice != "mps")


@pytest.mark.parametrize(
    ("said", "variables", "refused"),
    [
        ("The NVIDIA driver on your system is too old (found version 12080).", {}, True),
        ("Unexpected error from cudaGetDeviceCount(): CUDA unknown error", {}, True),
        ("No CUDA GPUs are available", {}, False),
        ("The NVIDIA driver on your system is too old (found version 12080).", {"CUDA_VISIBLE_DEVICES": ""}, False),
        ("The NVIDIA driver on your system is too old (found version 12080).", {"SLURM_JOB_ID": "7"}, False),
    ],
)
def test_a_gpu_of_the_machine_whose_driver_torch_cannot_use_is_no_cpu(
    fresh, monkeypatch, tmp_path, said, variables, refused
):
    (tmp_path / "version").write_text("NVRM version: 570\n")
    monkeypatch.setattr(device, "DRIVER", tmp_path / "version")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    def fail() -> None:
        raise RuntimeError(said)

    monkeypatch.setattr(torch.cuda, "init", fail)
    if refused:
        with pytest.raises(UserError, match=r"although this machine has a GPU: mend that, or set WEIGHTSCAPE_DEVICE"):
            device.prepare("auto", 1)
    else:
        assert device.prepare("auto", 1).type == "cpu"


@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        ("gpu", "is 'gpu', which is no device: choose auto"),
        ("cuda:x", "is 'cuda:x', which is no device"),
        ("", "is '', which is no device"),
        ("cuda:2", "cuda:2 is not there: this process sees 2 GPUs, from cuda:0 on"),
    ],
)
def test_a_device_that_is_none_is_a_sentence(fresh, gpus, choice, sentence) -> None:
    with pytest.raises(UserError, match=sentence):
        device.prepare(choice, 1)


def test_float32_is_not_tf32(fresh, monkeypatch) -> None:
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
    device.prepare("cpu", 1)
    assert not torch.backends.cudnn.allow_tf32 and not torch.backends.cuda.matmul.allow_tf32


def test_the_facts_of_a_cpu_are_its_kind(fresh) -> None:
    assert device.facts() == {}
    device.prepare("cpu", 1)
    assert device.facts() == {"device": "cpu"}
    assert device.energy() is None


def test_the_facts_of_a_gpu_are_its_model_driver_and_what_does_not_repeat(fresh, gpus, monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "NVIDIA H100 80GB HBM3")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))
    (tmp_path / "version").write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.15  Mon Jan 1\nGCC\n")
    monkeypatch.setattr(device, "DRIVER", tmp_path / "version")
    device.prepare("cuda", 1)
    device.unrepeatable.append("some_op does not have a deterministic implementation")
    facts = device.facts()
    assert facts["device"] == "cuda: NVIDIA H100 80GB HBM3" and facts["capability"] == "9.0"
    assert "570.86.15" in facts["driver"] and "some_op" in facts["unrepeatable"]
