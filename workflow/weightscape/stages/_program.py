"""Parses the arguments of every stage program, checks its code, and reports its errors."""

import argparse
import contextlib
import functools
import gc
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from weightscape.errors import Stopped, UserError, out_of_memory
from weightscape.formats.json_yaml import unpacked
from weightscape.formats.typed import from_json
from weightscape.provenance import records
from weightscape.provenance.code_digest import check_code, code_digest
from weightscape.stages import _lazy_compiler

TERMINATED = 143  # exit code of a program that SIGTERM ends: 128 + 15


def parse_settings(kind: Any, text: str) -> Any:
    """The settings of a stage from JSON, as an instance of the dataclass `kind`."""
    try:
        settings = json.loads(unpacked(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not valid JSON ({error})") from None
    if not isinstance(settings, dict):
        raise argparse.ArgumentTypeError("must be a JSON object")
    return from_json(kind, settings) if kind else settings


@contextlib.contextmanager
def stop_signal() -> Iterator[Callable[[], bool]]:
    """While the block runs, SIGTERM (a cluster's time limit) only sets a flag; yields the function that reads it."""
    stopped: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    previous = signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    try:
        yield lambda: bool(stopped)
    finally:
        signal.signal(signal.SIGTERM, previous)


class Program(argparse.ArgumentParser):
    """The arguments of a stage, the check of its code, and the record of its results."""

    def __init__(self, stage: str, doc: str | None, settings: Any = None) -> None:
        """Every stage takes its settings, as JSON of the dataclass `settings`, and the digest of its code."""
        form = argparse.RawDescriptionHelpFormatter
        super().__init__(prog=f"python -m weightscape.stages.{stage}", description=doc, formatter_class=form)
        self.stage = stage
        parse = functools.partial(parse_settings, settings)
        self.add_argument("--settings", type=parse, required=True, help="the stage's settings, as JSON")
        self.add_argument("--code", default="", help="digest of the code that the workflow planned with")

    def add_device(self) -> None:
        """Add the arguments that say where torch computes."""
        self.add_argument("--threads", type=int, default=1, help="of torch; results may depend on it")
        device = os.environ.get("WEIGHTSCAPE_DEVICE", "auto")
        self.add_argument("--device", default=device, help="auto, cpu, cuda, cuda:1 or mps")

    def start(
        self, argv: list[str] | None, modules: Callable[[argparse.Namespace], tuple[str, ...]] = lambda _: ()
    ) -> argparse.Namespace:
        """Parse the arguments and check the code, with the `modules` that the arguments choose."""
        arguments = self.parse_args(argv)
        self.settings, self.planned, self.modules = arguments.settings, arguments.code, modules(arguments)
        self.code = self.planned or code_digest(self.stage, *self.modules)
        self.check()
        return arguments

    def check(self) -> None:
        """Stop if the code was edited since it was planned; a program started by hand without --code is not checked."""
        if self.planned:
            check_code(self.stage, self.planned, *self.modules)

    def record(
        self,
        folder: Path,
        inputs: Iterable[Path],
        outputs: Iterable[Path],
        facts: Mapping[str, object] | None = None,
        volatile: Mapping[str, object] | None = None,
        name: str = "manifest",
    ) -> None:
        """Write the record of the results in `folder`, as `write_record` does."""
        records.write_record(folder, self.origin(inputs), outputs, facts, volatile=volatile, name=name)

    def origin(self, inputs: Iterable[Path]) -> records.Origin:
        """Returns the origin of a result from these inputs."""
        return records.Origin(self.stage, self.settings, self.code, tuple(inputs))


_state = {"own process": False}


def without(*packages: str) -> None:
    """Let optional packages look missing to libraries that would import them; only where the process ends with us."""
    if _state["own process"]:
        sys.modules.update({name: None for name in packages if name not in sys.modules})  # type: ignore[misc]


def run(main: Callable[[], None]) -> None:
    """Run a stage's `main` and end the process: a user's error is one sentence and exit code 1, ours a traceback.

    A program that was asked to stop, and has saved what it made, ends with exit code 143. Nothing is torn down: a
    process without further threads of Python ends at once, which saves half a second of every job that used torch.
    """
    _state["own process"] = True
    gc.set_threshold(200_000, 20, 20)  # an eighth of the time of importing torch is spent on collecting nothing
    _lazy_compiler.install()
    signal.signal(signal.SIGTERM, _terminate)
    code = 1
    try:
        if not _repeatable(main):
            main()  # the operation that its device computes in no repeatable way only warns from now on
        code = 0
    except UserError as error:
        print(f"{error.MARK}{error}", file=sys.stderr)
    except Stopped:
        code = TERMINATED
    except SystemExit as leaving:
        if not isinstance(leaving.code, int):
            raise
        code = leaving.code
    except Exception as error:
        short = out_of_memory(error)
        if short:
            print(f"{short.MARK}{short}", file=sys.stderr)
        else:
            traceback.print_exc()
    leave(code)


def _repeatable(main: Callable[[], None]) -> bool:
    """Run `main`; False if its device stopped it, whose memory is free again as the error is forgotten."""
    try:
        main()
    except RuntimeError as error:
        device = sys.modules.get("weightscape.networks.device")  # in the digest of those stages alone that use it
        if device is None or not device.tolerated(error):
            raise
        return False
    return True


def _terminate(*_: object) -> None:
    """Leave the program, with a turn for `finally` and checkpoints, which a second SIGTERM does not cut short."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(TERMINATED)


def leave(code: int) -> None:
    """End this process, without tearing its modules down where nothing else needs them."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
        if threading.active_count() == 1 and "coverage" not in sys.modules:
            os._exit(code)
    sys.exit(code)
