"""Jobs as forks of a preloaded process: they end, fail and die as plain processes would."""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from weightscape.project import WORKFLOW
from weightscape.stages import _preloaded
from weightscape.stages.__main__ import LIBRARIES, in_fork

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(sys.platform != "linux", reason="forks of a preloaded process are for Linux"),
]

PROGRAM = """
import os, signal, sys, time
from pathlib import Path
ask, here = sys.argv[1], Path(sys.argv[2])
with (here / "processes").open("a") as file:
    file.write(f"{os.getpid()}\\n")
print("out", ask, os.getcwd(), os.environ.get("MARK"), "json" in sys.modules, flush=True)
print("err", ask, file=sys.stderr)
if ask == "fail":
    raise ValueError("broken")
if ask == "exit":
    sys.exit(3)
if ask == "sentence":
    sys.exit("a sentence")
if ask == "terminate":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
if ask == "thread":
    import atexit, threading
    atexit.register(print, "later")
    threading.Thread(target=lambda: time.sleep(0.2) or print("late")).start()
if ask in ("wait", "terminate"):
    (here / "waits").touch()
    while not (here / "go").exists():
        time.sleep(0.01)
    print("went")
"""


class Jobs:
    """A folder with a probe program, and jobs that run it through `python -m weightscape.stages`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.owner = subprocess.Popen(["sleep", "600"])
        self.started: list[subprocess.Popen[str]] = []
        (folder / "owner").write_text(str(self.owner.pid))
        package = folder / "code" / "weightscape" / "stages"
        package.mkdir(parents=True)
        for name in ("__main__.py", "_preloaded.py", "_lazy_compiler.py"):
            (package / name).write_text((WORKFLOW / "weightscape" / "stages" / name).read_text())
        (package.parent / "__init__.py").touch()
        self.program = package / "evaluate.py"
        self.program.write_text(PROGRAM)
        self.libraries("json")

    def libraries(self, names: str) -> None:
        """Preload these libraries instead of torch."""
        main = self.program.with_name("__main__.py")
        text = (WORKFLOW / "weightscape" / "stages" / "__main__.py").read_text()
        main.write_text(text.replace('"numpy torch timm pandas pyarrow.parquet"', repr(names)))
        assert repr(names) in main.read_text()

    def start(self, ask: str, **variables: str) -> subprocess.Popen[str]:
        """Start a job."""
        environment = {
            **{name: value for name, value in os.environ.items() if name != "MARK"},
            "PYTHONPATH": str(self.folder / "code"),
            "WEIGHTSCAPE_PRELOAD": str(self.folder),
            **variables,
        }
        command = [sys.executable, "-m", "weightscape.stages", "evaluate", ask, str(self.folder)]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.started.append(subprocess.Popen(command, env=environment, cwd=self.folder, text=True, **streams))
        return self.started[-1]

    def end(self) -> None:
        """Leave no process and no open file behind."""
        self.owner.kill()
        self.owner.wait()
        for job in self.started:
            job.kill()
            with job:
                job.wait()
        until(lambda: self.server() is None)

    def run(self, ask: str, **variables: str) -> tuple[int, str, str]:
        """Exit code, output and errors of a job."""
        job = self.start(ask, **variables)
        out, err = job.communicate(timeout=60)
        return job.returncode, out, err

    def warm(self) -> None:
        """Run two jobs, of which the second starts the preloaded process."""
        for _ in range(2):
            assert self.run("ok")[0] == 0

    def server(self) -> int | None:
        """The number of the preloaded process."""
        found = subprocess.run(["pgrep", "-of", f"_preloaded {self.folder}"], capture_output=True, text=True)
        return int(found.stdout) if found.stdout else None

    def processes(self) -> list[int]:
        """The processes that ran the program, in their order."""
        return [int(line) for line in (self.folder / "processes").read_text().split()]

    def waiting(self, ask: str = "wait", **signals: signal.Handlers) -> tuple[subprocess.Popen[str], int]:
        """A job that waits, and the process that runs it; the job begins with what these signals are to do."""
        previous = {signal.Signals[name]: signal.signal(signal.Signals[name], do) for name, do in signals.items()}
        try:
            job = self.start(ask)
        finally:
            for number, do in previous.items():
                signal.signal(number, do)
        until(lambda: (self.folder / "waits").exists())
        return job, self.processes()[-1]


def until(condition, seconds: float = 30) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.01)


def alive(process: int) -> bool:
    """Whether a process runs (one that has ended and is not waited for does not)."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    jobs = Jobs(tmp_path)
    yield jobs
    jobs.end()


def test_the_first_job_is_a_plain_process_and_the_third_a_fork(jobs):
    jobs.run("ok")
    assert jobs.server() is None
    jobs.run("ok")
    server = jobs.server()
    job, process = jobs.waiting()
    assert process != job.pid and server == int(Path(f"/proc/{process}/stat").read_text().split(")")[1].split()[1])
    (jobs.folder / "go").touch()
    assert job.wait() == 0


@pytest.mark.parametrize(("ask", "code"), [("ok", 0), ("fail", 1), ("exit", 3), ("sentence", 1), ("thread", 0)])
def test_a_fork_says_and_ends_as_a_plain_process_does(jobs, ask, code):
    plain = jobs.run(ask, MARK="a", WEIGHTSCAPE_PRELOAD="")
    jobs.warm()
    forked = jobs.run(ask, MARK="a")
    assert jobs.processes()[-1] > 0 and jobs.server() is not None
    assert forked[0] == plain[0] == code
    assert forked[1].replace(" True", " False") == plain[1].replace(" True", " False")
    assert forked[2].splitlines()[-1] == plain[2].splitlines()[-1]


def test_a_fork_has_the_variables_of_its_own_job(jobs):
    jobs.warm()
    assert "one" in jobs.run("ok", MARK="one")[1]
    assert "None" in jobs.run("ok")[1]


def test_sigterm_reaches_the_fork_which_saves_and_ends_with_its_own_code(jobs):
    jobs.warm()
    job, process = jobs.waiting("terminate")
    assert process != job.pid
    job.send_signal(signal.SIGTERM)
    assert job.wait(30) == 143 and not alive(process)


def test_ctrl_c_interrupts_the_fork(jobs):
    jobs.warm()
    job, _ = jobs.waiting(SIGINT=signal.SIG_DFL)
    job.send_signal(signal.SIGINT)
    assert "KeyboardInterrupt" in job.communicate(timeout=30)[1] and job.returncode != 0


def test_a_killed_job_takes_its_fork_along(jobs):
    jobs.warm()
    job, process = jobs.waiting()
    job.kill()
    job.wait()
    until(lambda: not alive(process))
    assert jobs.run("ok")[0] == 0 and jobs.server() is not None


def test_a_killed_fork_ends_its_job_by_the_same_signal(jobs):
    jobs.warm()
    job, process = jobs.waiting()
    os.kill(process, signal.SIGKILL)
    assert job.wait(30) == -signal.SIGKILL


def test_the_job_of_a_killed_preloaded_process_starts_again_as_a_plain_one(jobs):
    jobs.warm()
    job, process = jobs.waiting()
    os.kill(jobs.server(), signal.SIGKILL)
    until(lambda: jobs.processes()[-1] == job.pid)
    assert not alive(process)
    (jobs.folder / "go").touch()
    out, _ = job.communicate(timeout=30)
    assert job.returncode == 0 and out.endswith("went\n")
    assert jobs.run("ok")[0] == 0


def test_a_terminated_preloaded_process_waits_for_its_forks(jobs):
    jobs.warm()
    job, _ = jobs.waiting()
    server = jobs.server()
    os.kill(server, signal.SIGTERM)
    (jobs.folder / "go").touch()
    assert job.wait(30) == 0
    until(lambda: not alive(server))


def test_it_ends_with_its_owner(jobs):
    jobs.warm()
    server = jobs.server()
    jobs.owner.kill()
    jobs.owner.wait()
    until(lambda: not alive(server))
    assert not [path for path in jobs.folder.iterdir() if path.is_socket()]


def test_a_fork_runs_the_code_that_is_on_the_disk_when_it_starts(jobs):
    jobs.warm()
    jobs.program.write_text(PROGRAM.replace('"out"', '"edited"'))
    assert jobs.run("ok")[1].startswith("edited")


def test_libraries_that_start_threads_or_are_not_there_leave_jobs_plain(jobs):
    for name, text in [
        ("threaded", "import threading, time\nthreading.Thread(target=time.sleep, args=(5,)).start()\n")
    ]:
        (jobs.folder / "code" / f"{name}.py").write_text(text)
    for name in ("threaded", "missing"):
        jobs.libraries(name)
        for _ in range(3):
            assert jobs.run("ok")[0] == 0
        assert not [path for path in jobs.folder.iterdir() if path.is_socket()]


def test_other_threads_of_a_library_are_another_process(jobs):
    jobs.warm()
    for _ in range(2):
        assert jobs.run("ok", OMP_NUM_THREADS="2")[0] == 0
    assert len([path for path in jobs.folder.iterdir() if path.is_socket()]) == 2


def test_a_fork_may_use_cuda_as_the_libraries_alone_do_not_touch_it() -> None:
    imports = "import os, sys, " + LIBRARIES["torch"].replace(" ", ", ")
    fork = "fork = os.fork() or os._exit(torch.cuda._is_in_bad_fork())"
    end = "sys.exit(os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1]))"
    assert subprocess.run([sys.executable, "-c", "\n".join([imports, fork, end])]).returncode == 0


def test_a_fork_that_has_ended_before_its_client_looks_is_not_run_again() -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(ended.pid.to_bytes(8, "big") + (3 << 8).to_bytes(8, "big"))
        assert os.waitstatus_to_exitcode(in_fork(ours, ["a"]) or 0) == 3


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_a_signal_that_a_job_is_to_ignore_does_not_reach_its_fork(jobs, number):
    jobs.warm()
    job, process = jobs.waiting(**{number.name: signal.SIG_IGN})  # as nohup does
    assert process != job.pid
    job.send_signal(number)
    os.kill(process, number)
    (jobs.folder / "go").touch()
    assert job.wait(30) == 0


def test_a_fork_that_nobody_waits_for_holds_up_no_job(jobs):
    adopt = 36  # PR_SET_CHILD_SUBREAPER of prctl(2): orphans come to this process, which does not wait for them
    ctypes.CDLL(None).prctl(adopt, 1)
    try:
        jobs.warm()
        server = jobs.server()
        job, process = jobs.waiting()
        os.kill(server, signal.SIGKILL)
        until(lambda: jobs.processes()[-1] == job.pid)
        (jobs.folder / "go").touch()
        assert job.wait(30) == 0
        assert os.waitpid(process, 0)[1] == os.waitpid(server, 0)[1] == signal.SIGKILL
    finally:
        ctypes.CDLL(None).prctl(adopt, 0)


@pytest.mark.parametrize("knows", [False, True])
def test_a_job_that_is_gone_before_its_fork_has_begun_takes_it_along(knows, tmp_path, monkeypatch):
    (tmp_path / "owner").write_text(str(os.getpid()))
    monkeypatch.setattr(_preloaded, "become", lambda *_: signal.pause())
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # no test ends by SIGTERM
    server = _preloaded.Server(tmp_path / "socket")
    request = json.dumps([["program"], {}, "/", []]).encode()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "socket"))
        socket.send_fds(client, [len(request).to_bytes(8, "big") + request], [0, 1, 2])
        if not knows:
            client.close()
        server.accept(None)
    for ended in list(server.forks):
        server.kill(ended)
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    server.leave(None)
    server.selector.close()
    commands = [Path(f"/proc/{child}/cmdline").read_bytes() for child in children]
    assert Path("/proc/self/cmdline").read_bytes() not in commands


def test_a_fork_that_cannot_begin_is_no_second_server(jobs, tmp_path):
    jobs.warm()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(next(path for path in tmp_path.iterdir() if path.is_socket())))
        request = json.dumps([["program"], {}, "/not there", []]).encode()
        socket.send_fds(client, [len(request).to_bytes(8, "big") + request], [0, 1, 2])
        assert len(client.recv(8)) == 8
        assert os.waitstatus_to_exitcode(int.from_bytes(client.recv(8), "big")) == 1
