"""Keeps the rows of an unfinished table beside it, so that a run that was stopped goes on with the next matrix.

One line of JSON for each part, after one that identifies inputs, settings and code. A line that a kill has cut short is
left out. The file is removed when the table is written.
"""

import base64
import contextlib
import json
import threading
from pathlib import Path

import numpy as np

from weightscape.spectra.table import Measured


class Partial:
    """The measured parts of a table that is not written yet, by name of the part."""

    def __init__(self, out: Path, identity: str) -> None:
        self.path = out.with_name(f".{out.name}.partial")
        self._lock = threading.Lock()
        self._measured: dict[str, Measured] = {}
        text = ""
        with contextlib.suppress(OSError, UnicodeDecodeError):
            text = self.path.read_text()
        lines = text.splitlines()
        if lines and lines[0] == json.dumps(identity):
            self._read(lines[1:])
        self.count = len(self._measured)
        self._is_written = True
        self._begin(identity)

    def _begin(self, identity: str) -> None:
        """Write what was kept anew, without a line that was cut short."""
        try:
            lines = [json.dumps(identity), *(_line(name, measured) for name, measured in self._measured.items())]
            self.path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self.path.with_name(f"{self.path.name}.tmp")
            temporary.write_text("".join(f"{line}\n" for line in lines))
            temporary.replace(self.path)
        except OSError:
            self._give_up()

    def _read(self, lines: list[str]) -> None:
        for line in lines:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                content = json.loads(line)
                values = {name: np.frombuffer(base64.b64decode(text)) for name, text in content["values"].items()}
                self._measured[content["part"]] = Measured(content["rows"], values)

    def get(self, part: str) -> Measured | None:
        """The part as an earlier run measured it; None if none did."""
        return self._measured.get(part)

    def put(self, part: str, measured: Measured) -> None:
        """Keep a part; a disk that is full keeps none."""
        with self._lock:
            if self._is_written:
                try:
                    with self.path.open("a") as stream:
                        stream.write(_line(part, measured) + "\n")
                except OSError:
                    self._give_up()

    def _give_up(self) -> None:
        self._is_written = False
        self.remove()

    def remove(self) -> None:
        """Forget the unfinished table."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)


def _line(part: str, measured: Measured) -> str:
    rows = {matrix: {name: _plain(value) for name, value in row.items()} for matrix, row in measured.rows.items()}
    values = {
        name: base64.b64encode(np.ascontiguousarray(array, np.float64).tobytes()).decode()
        for name, array in measured.values.items()
    }
    return json.dumps({"part": part, "rows": rows, "values": values})


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else value
