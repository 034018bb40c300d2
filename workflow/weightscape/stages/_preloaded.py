"""A process that imports libraries once and forks itself for each job; `python -m weightscape.stages` starts it.

    python -m weightscape.stages._preloaded SOCKET "numpy torch timm"

Only libraries are imported: a fork imports the project's own code anew, so that it runs the code that is on the disk
when the job starts. At SIGTERM, or when the process ends whose number the socket's folder holds in the file `owner`,
it takes no further jobs and ends with its last fork.
"""

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
from pathlib import Path

from weightscape.stages import _lazy_compiler
from weightscape.stages.__main__ import SIGNALS, received

DIE_WITH_PARENT, NAME = 1, 15  # PR_SET_PDEATHSIG and PR_SET_NAME of prctl(2)
JEMALLOC = "jemalloc_bg_thd"
"""The thread of pyarrow's allocator, which the allocator stops and starts itself around a fork."""


def threads() -> list[str]:
    """The names of the further threads of this process; a fork has only the one that forks."""
    tasks = [task for task in Path("/proc/self/task").iterdir() if int(task.name) != os.getpid()]
    return [(task / "comm").read_text().strip() for task in tasks]


class Server:
    """Forks for each connection to the socket `path` until its owner has ended or SIGTERM came."""

    def __init__(self, path: Path) -> None:
        self.path = path
        owner = os.pidfd_open(int((path.parent / "owner").read_text()))
        terminated, terminate = os.pipe()
        signal.signal(signal.SIGTERM, lambda *_: os.write(terminate, b"!"))
        self.ends = (owner, terminated)
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(str(path))
        self.listening.listen(128)
        self.forks: dict[int, tuple[int, socket.socket]] = {}
        self.selector = selectors.DefaultSelector()
        for end in self.ends:
            self.selector.register(end, selectors.EVENT_READ, self.leave)
        self.selector.register(self.listening, selectors.EVENT_READ, self.accept)

    def serve(self) -> None:
        """Answer until there is nothing left to wait for."""
        os.close(1)  # tells the first client that all is ready
        os.open(os.devnull, os.O_WRONLY)
        while self.forks or self.listening.fileno() >= 0:
            for key, _ in self.selector.select():
                key.data(key.fileobj)

    def leave(self, _: object) -> None:
        """Take no further jobs."""
        for end in (*self.ends, self.listening):
            self.selector.unregister(end)
        self.listening.close()
        self.path.unlink(missing_ok=True)

    def accept(self, _: object) -> None:
        """Fork for a client."""
        client = self.listening.accept()[0]
        process = self.fork(client)
        if process is None:
            client.close()
            return
        ended = os.pidfd_open(process)
        self.forks[ended] = (process, client)
        self.selector.register(ended, selectors.EVENT_READ, self.report)
        self.selector.register(client, selectors.EVENT_READ, lambda _: self.kill(ended))

    def fork(self, client: socket.socket) -> int | None:
        """The process number of a fork that runs what a client asks for; None if the client has gone."""
        try:
            length, streams, _, _ = socket.recv_fds(client, 8, 3)
            request = json.loads(received(client, int.from_bytes(length, "big")))
            process = os.fork()
        except (OSError, ValueError):
            return None
        if process == 0:
            try:
                argv, environment, folder, ignored = request
                become(argv, environment, folder, ignored, streams)
            finally:
                os._exit(1)
        for stream in streams:
            os.close(stream)
        try:
            client.sendall(process.to_bytes(8, "big"))
        except OSError:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            return None
        return process

    def kill(self, ended: int) -> None:
        """Kill a fork, with the processes that it has started, because its client was killed."""
        if ended in self.forks:
            process = self.forks[ended][0]
            with contextlib.suppress(ProcessLookupError):  # it has no group before it begins
                os.killpg(process, signal.SIGKILL)
            os.kill(process, signal.SIGKILL)
            self.report(ended)

    def report(self, ended: object) -> None:
        """Tell a client how its fork ended."""
        assert isinstance(ended, int)
        if ended not in self.forks:
            return
        process, client = self.forks.pop(ended)
        status = os.waitpid(process, 0)[1]
        self.selector.unregister(ended)
        self.selector.unregister(client)
        os.close(ended)
        with client, contextlib.suppress(OSError):
            client.sendall(status.to_bytes(8, "big"))


def become(argv: list[str], environment: dict[str, str], folder: str, ignored: list[int], streams: list[int]) -> None:
    """Turn a fork into the process that its client would have been, with its ignored signals, and run its program."""
    os.setsid()
    libc = ctypes.CDLL(None)
    libc.prctl(DIE_WITH_PARENT, signal.SIGKILL)
    libc.prctl(NAME, argv[0].rsplit(".")[-1].encode())
    for target, stream in enumerate(streams):
        os.dup2(stream, target)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)
    if signal.SIGINT not in ignored:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    run(argv)


def run(argv: list[str]) -> None:
    """Run a module with arguments as `python -m` would, and end."""
    for name in [name for name in sys.modules if name.split(".")[0] == "weightscape"]:
        del sys.modules[name]
    sys.argv = argv
    code = 0
    try:
        runpy.run_module(argv[0], run_name="__main__", alter_sys=True)
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        if isinstance(leaving.code, str):
            print(leaving.code, file=sys.stderr)
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        code = 1
    if threading.active_count() > 1:  # they are waited for, as at the end of any process
        threading._shutdown()  # pyright: ignore[reportAttributeAccessIssue]
        atexit._run_exitfuncs()
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def main() -> None:
    """Import the libraries, then serve."""
    path, libraries = sys.argv[1:]
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    gc.disable()
    _lazy_compiler.install()
    for library in libraries.split():
        importlib.import_module(library)
    gc.enable()
    gc.freeze()
    if not set(threads()) - {JEMALLOC}:
        Server(Path(path)).serve()


if __name__ == "__main__":
    main()
