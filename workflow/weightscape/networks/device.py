"""Chooses the device, fixes the number of threads and makes torch's results repeat.

float32 is float32: the TF32 units of NVIDIA's GPUs, which keep 10 bits of a factor, stay unused. On CUDA an operation
without a deterministic form is an error, after which the stage starts again and only warns.
"""

import ctypes
import fcntl
import os
import re
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import torch

from weightscape.errors import UserError

unrepeatable: list[str] = []
"""torch's sentence about the operation that made this process give up repeatable results, if one did."""
CUBLAS = "CUBLAS_WORKSPACE_CONFIG", ":4096:8"
"""The variable, and its value, without which older versions of torch take every product for one that may not repeat."""
DRIVER = Path("/proc/driver/nvidia/version")
_chosen: list[torch.device] = []
_first_joules: list[float] = []
_held: list[int] = []  # descriptors of the locks on GPUs that this process holds until it ends


def prepare(choice: str, threads: int) -> torch.device:
    """The device to compute on, with torch set up for it.

    `choice` names a device, or is `auto`: `cuda`, `mps` or `cpu`, by what is there; of several GPUs one that no other
    job of this machine uses (a cluster shows a job only its own). Results may depend on the number of threads.
    UserError if torch cannot use a device that was asked for, or a GPU that the job was given or the machine has.
    """
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)  # denormal numbers slow a CPU down and decide nothing
    torch.set_deterministic_debug_mode("warn")  # the same as use_deterministic_algorithms, without torch's compiler
    # Filling every new tensor costs 15 % of a step and is of no use to operations that write all of their result.
    torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue]
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    kind = _kind(choice)
    if kind == "cuda":
        os.environ.setdefault(*CUBLAS)
        torch.set_deterministic_debug_mode("warn" if unrepeatable else "error")
    device = _own_gpu() if kind == "cuda" and ":" not in choice else torch.device(choice if ":" in choice else kind)
    _chosen.append(device)
    energy()
    return device


def _kind(choice: str) -> str:
    """The kind of device that a choice means on this machine."""
    kind, _, number = choice.partition(":")
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", choice):
        raise UserError(
            f"WEIGHTSCAPE_DEVICE, or --device, is {choice!r}, which is no device: choose auto, cpu, cuda, cuda:1 or mps"
        )
    there, variable = torch.cuda.is_available(), given(os.environ)
    if kind == "auto":
        kind = "cuda" if variable or there or _is_unfit() else "mps" if _has_mps() else "cpu"
    if number and there and int(number) >= torch.cuda.device_count():
        raise UserError(
            f"the device {choice} is not there: this process sees {torch.cuda.device_count()} GPUs, from cuda:0 on; "
            "name one of them, or cuda for any"
        )
    if (kind == "cuda" and not there) or (kind == "mps" and not _has_mps()):
        raise UserError(
            f"the device {kind} cannot be used ({_obstacle(kind) or 'it finds none'}), although "
            + (
                f"{choice!r} was asked for"
                if choice != "auto"
                else f"{variable} names a GPU"
                if variable
                else "this machine has a GPU"
            )
            + ": mend that, or set WEIGHTSCAPE_DEVICE=cpu"
        )
    return kind


def _is_unfit() -> bool:
    """Whether this machine's GPU is kept from no process by its scheduler or user, but torch cannot use its driver."""
    hidden = "CUDA_VISIBLE_DEVICES" in os.environ or "SLURM_JOB_ID" in os.environ
    if hidden or torch.version.cuda is None or not DRIVER.is_file():
        return False
    return "No CUDA GPUs" not in (_obstacle("cuda") or "No CUDA GPUs")


def name(device: torch.device) -> str:
    """The kind of device, with the model of a GPU: "cpu", "mps", "cuda: NVIDIA H100 80GB HBM3"."""
    return f"cuda: {torch.cuda.get_device_name(device)}" if device.type == "cuda" else device.type


def widest(device: torch.device) -> torch.dtype:
    """The floating-point numbers of most digits that a device has: Apple's GPUs lack float64."""
    return torch.float32 if device.type == "mps" else torch.float64


def in_float64(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor in float64, on the host if its device has no such numbers."""
    return (tensor if widest(tensor.device) is torch.float64 else tensor.cpu()).double()


def facts() -> dict[str, str]:
    """The device that `prepare` chose, its capability and driver, and an operation that does not repeat on it."""
    if not _chosen:
        return {}
    known = {"device": name(_chosen[-1])}
    if _chosen[-1].type == "cuda":
        known["capability"] = ".".join(map(str, torch.cuda.get_device_capability(_chosen[-1])))
        known["cuda"] = str(torch.version.cuda)
        if DRIVER.is_file():
            known["driver"] = DRIVER.read_text().splitlines()[0].partition(":")[2].strip()
    return known | ({"unrepeatable": unrepeatable[0]} if unrepeatable else {})


def energy() -> float | None:
    """The joules that the chosen GPU has used since it was chosen, by the counter of its driver; None without one."""
    if not _chosen or _chosen[-1].type != "cuda":
        return None
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
        handle, millijoules = ctypes.c_void_p(), ctypes.c_ulonglong()
        identity = f"GPU-{torch.cuda.get_device_properties(_chosen[-1]).uuid}".encode()
        if (
            nvml.nvmlInit_v2()
            or nvml.nvmlDeviceGetHandleByUUID(identity, ctypes.byref(handle))
            or nvml.nvmlDeviceGetTotalEnergyConsumption(handle, ctypes.byref(millijoules))
        ):
            return None
    except (OSError, AttributeError):  # no such library, or an older one
        return None
    _first_joules.append(millijoules.value / 1000)
    return _first_joules[-1] - _first_joules[0]


def _has_mps() -> bool:
    return torch.backends.mps.is_available()


def given(environment: Mapping[str, str]) -> str | None:
    """The variable by which a scheduler or a user gave this process a GPU, with its value; None without one."""
    for name in ("SLURM_JOB_GPUS", "SLURM_STEP_GPUS", "CUDA_VISIBLE_DEVICES"):
        value = environment.get(name, "").strip()
        if value and not value.startswith(("-1", "NoDevFiles")):
            return f"{name}={value}"
    return None


def _obstacle(kind: str) -> str:
    """Why torch cannot use a kind of device, in its own words; empty if it says nothing."""
    if kind == "cuda":
        try:
            torch.cuda.init()
        except (RuntimeError, AssertionError) as error:
            return " ".join(str(error).split()).rstrip(".")
    return ""


def tolerated(error: RuntimeError) -> bool:
    """Whether an error is about an operation without a deterministic form; later operations only warn then."""
    sentence = str(error).partition(",")[0]
    if "deterministic" not in sentence or unrepeatable:
        return False
    unrepeatable.append(sentence)
    print(f"results may differ in their last bits from run to run: {sentence}", file=sys.stderr, flush=True)
    return True


def _own_gpu() -> torch.device:
    if _chosen and _chosen[-1].type == "cuda":
        return _chosen[-1]
    count = torch.cuda.device_count()
    if count == 1:
        return torch.device("cuda")
    device = torch.device("cuda", claim(names(count, os.environ)))
    torch.cuda.set_device(device)
    return device


def names(count: int, environment: Mapping[str, str]) -> list[str]:
    """The machine's names of the `count` visible GPUs: the entries of CUDA_VISIBLE_DEVICES, or their numbers."""
    visible = [name.strip() for name in environment.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return visible[:count] if len(visible) >= count else [str(number) for number in range(count)]


def claim(devices: list[str], folder: Path | None = None, pause: float = 1.0) -> int:
    """Position of a GPU that is this process's own until it ends, however it ends; waits while all are taken."""
    folder = folder or Path(tempfile.gettempdir()) / f"weightscape-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    reported = False
    while True:
        for position, device in enumerate(devices):
            descriptor = os.open(folder / f"{device.replace('/', '-')}.lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                continue
            _held.append(descriptor)
            return position
        if not reported:
            print(f"all {len(devices)} GPUs are taken by other jobs: waiting for one", file=sys.stderr, flush=True)
            reported = True
        time.sleep(pause)
