"""What every stage program shares: its arguments, the check of its code, and how errors leave it."""

import argparse
import contextlib
import functools
import gc
import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from weightscape.errors import Stopped, UserError
from weightscape.formats.packed_text import unpacked
from weightscape.formats.typed import from_json
from weightscape.provenance.code_digest import check_code, code_digest
from weightscape.stages import _lazy_compiler

TERMINATED = 143
"""Exit code of a program that SIGTERM ends: 128 + 15."""


def arguments_of(stage: str, doc: str | None, settings: Any = None) -> argparse.ArgumentParser:
    """A parser with what every stage takes: its settings as JSON of the dataclass `settings`, and its code's digest."""
    parser = argparse.ArgumentParser(
        prog=f"python -m weightscape.stages.{stage}",
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parse = functools.partial(parse_settings, settings)
    parser.add_argument("--settings", type=parse, required=True, help="the stage's settings, as JSON")
    parser.add_argument("--code", default="", help="digest of the code that the workflow planned with")
    return parser


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


class Code:
    """The stage's code as planned; `check()` before the work and before the result is given its name."""

    def __init__(self, stage: str, planned: str, *further: str) -> None:
        self.stage = stage
        self.planned = planned
        self.further = further
        self.digest = planned or code_digest(stage, *further)
        self.check()

    def check(self) -> None:
        """Stop if the code was edited since; a program started by hand without --code is not checked."""
        if self.planned:
            check_code(self.stage, self.planned, *self.further)


_state = {"own process": False}


def without(*packages: str) -> None:
    """Let optional packages look missing to libraries that would import them; only where the process ends with us."""
    if _state["own process"]:
        sys.modules.update({name: None for name in packages if name not in sys.modules})  # type: ignore[misc]


def run(main: Callable[[], None]) -> None:
    """Run a stage's `main`: a user's error becomes one sentence and exit code 1, ours keeps its traceback.

    A program that was asked to stop, and has saved what it made, ends with exit code 143.
    """
    _state["own process"] = True
    gc.set_threshold(200_000, 20, 20)  # an eighth of the time of importing torch is spent on collecting nothing
    _lazy_compiler.install()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))  # so that `finally` and checkpoints get their turn
    try:
        main()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except Stopped:
        sys.exit(TERMINATED)
