"""Runs a stage program in a fork of the preloaded process, or in this process if there is none.

    python -m weightscape.stages finetune --settings ... (as `python -m weightscape.stages.finetune`)

A third of a short job is the import of torch and its teardown. Where WEIGHTSCAPE_PRELOAD names a folder, the second
job of each kind that starts there also starts a process that imports the libraries once (`_preloaded`); that job and
all later ones are forks of it. A fork gets the arguments, the environment, the folder, and the standard streams of
this process, which passes signals on, ends as the fork ends, and takes it along if it is killed itself. If the
preloaded process dies, its forks die with it, and their jobs start again as plain processes.
"""

import contextlib
import os
import select
import signal
import socket
import sys

FOLDER = "WEIGHTSCAPE_PRELOAD"
"""Names, in the environment, the folder of the preloaded processes; plain processes without it."""
LIBRARIES = {
    "torch": "numpy torch timm pandas pyarrow.parquet",
    "tables": "numpy scipy.linalg scipy.stats scipy.optimize pandas pyarrow.parquet PIL.Image",
    "figures": "numpy pandas pyarrow.parquet matplotlib.backends.backend_agg matplotlib.backends.backend_pdf",
}
"""The libraries that a preloaded process imports, by its kind."""
KINDS = {
    **dict.fromkeys(("finetune", "evaluate", "curvature", "penalties", "embed", "measure_diversity"), "torch"),
    **dict.fromkeys(("train_judge", "measure_quality", "train_generator", "generate", "assemble"), "torch"),
    **dict.fromkeys(("data", "corrupt", "spectra", "spectra_before", "aggregate", "analyse"), "tables"),
    **dict.fromkeys(("figure", "report"), "figures"),
}
"""The kind of preloaded process that a stage is forked from; the others are plain processes."""
DECIDING = (
    "OMP_",
    "MKL_",
    "OPENBLAS_",
    "KMP_",
    "LD_",
    "PYTHON",
    "MALLOC_",
    "ATEN_",
    "ONEDNN_",
    "DNNL_",
    "TORCH",
    "MPL",
)
"""First letters of the variables that libraries read when they are loaded."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
"""What a job passes on to its fork, unless it is to ignore it, as under nohup."""


def address(folder: str, kind: str) -> str:
    """The socket of the preloaded process of a kind, for this interpreter and what its libraries would read."""
    import hashlib

    variables = sorted(f"{name}={value}" for name, value in os.environ.items() if name.startswith(DECIDING))
    key = hashlib.sha256("\0".join([sys.executable, *variables]).encode()).hexdigest()[:12]
    return os.path.join(folder, f"{kind}-{key}")


def connected(path: str) -> socket.socket | None:
    """A connection to the preloaded process at a socket, if it is there."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(path)
    except OSError:
        connection.close()
        return None
    return connection


def connection_to(path: str, kind: str) -> socket.socket | None:
    """A connection to the preloaded process, which the second job of a kind starts; nothing for the first."""
    import fcntl

    if connection := connected(path):
        return connection
    try:
        with open(f"{path}.lock", "a+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if connection := connected(path):
                return connection
            lock.seek(0)
            before = lock.read()
            lock.write("job\n")
            return started(path, kind) if before == "job\n" else None
    except OSError:
        return None


def started(path: str, kind: str) -> socket.socket | None:
    """A connection to a process that was just started and has imported its libraries."""
    import subprocess

    command = [sys.executable, "-m", "weightscape.stages._preloaded", path, LIBRARIES[kind]]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    with process.stdout as ready:  # type: ignore[union-attr]
        ready.read()
    return connected(path)


def in_fork(connection: socket.socket, argv: list[str]) -> int | None:
    """Run a program in a fork and return its exit status as of `os.waitpid`; None if the preloaded process died."""
    import json

    ignored = [number for number in SIGNALS if signal.getsignal(number) is signal.SIG_IGN]
    request = json.dumps([argv, dict(os.environ), os.getcwd(), ignored]).encode()
    with connection:
        try:
            socket.send_fds(connection, [len(request).to_bytes(8, "big")], [0, 1, 2])
            connection.sendall(request)
            process = int.from_bytes(received(connection, 8), "big")
            try:
                fork = os.pidfd_open(process)
            except ProcessLookupError:  # it has ended already
                return int.from_bytes(received(connection, 8), "big")
        except OSError:
            return None
        with contextlib.ExitStack() as stack:
            for number in set(SIGNALS) - set(ignored):
                previous = signal.signal(number, lambda number, _: signal.pidfd_send_signal(fork, number))
                stack.callback(signal.signal, number, previous)
            try:
                return int.from_bytes(received(connection, 8), "big")
            except OSError:
                with contextlib.suppress(OSError):
                    signal.pidfd_send_signal(fork, signal.SIGKILL)
                select.select([fork], [], [])  # until it has ended: its files must not be written by two
                return None


def received(connection: socket.socket, size: int) -> bytes:
    """So many bytes of a connection; ConnectionError if it ends before."""
    parts = b""
    while len(parts) < size:
        part = connection.recv(size - len(parts))
        if not part:
            raise ConnectionResetError
        parts += part
    return parts


def main() -> None:
    """Run the stage that the first argument names."""
    stage, argv = sys.argv[1], sys.argv[2:]
    module = f"weightscape.stages.{stage}"
    folder, kind = os.environ.get(FOLDER), KINDS.get(stage)
    if folder and kind and sys.platform == "linux" and os.path.isdir(folder):
        connection = connection_to(address(folder, kind), kind)
        status = in_fork(connection, [module, *argv]) if connection else None
        if status is not None:
            end_as(status)
    import runpy

    sys.argv = [module, *argv]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def end_as(status: int) -> None:
    """End this process as one with an exit status of `os.waitpid` did: by its code or its signal."""
    if os.WIFSIGNALED(status):
        with contextlib.suppress(OSError):  # SIGKILL has no other
            signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    os._exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
