"""A program that can be interrupted, as the workflow's are: on SIGTERM it needs a second to save its checkpoint."""

import sys
import time
from pathlib import Path

from weightscape.stages import _program


def main() -> None:
    """Write the output if an earlier attempt left a checkpoint, else work until the signal and leave one."""
    output = Path(sys.argv[1])
    checkpoint = output.with_name("checkpoint")
    if checkpoint.exists():
        output.write_text("resumed from " + checkpoint.read_text())
        return
    with _program.stop_signal() as stopped:
        Path("working").touch()
        while not stopped():
            time.sleep(0.1)
    time.sleep(1)
    checkpoint.write_text("a saved state\n")
    sys.exit(143)


if __name__ == "__main__":
    _program.run(main)
