"""The checks that the Snakefile makes before the first job."""

import os
from collections.abc import Iterable
from pathlib import Path

from weightscape.errors import UserError

LONGEST_NAME = 254
"""Bytes of a file name in Snakemake's metadata; longer names are split into folders."""


def check_writable(outputs: Iterable[str]) -> None:
    """Stop if a folder that the outputs go to cannot be written; of one that is not there yet, its first parent."""
    for folder in sorted({Path(path).parent for path in outputs}):
        there = next(parent for parent in (folder, *folder.parents) if parent.exists())
        if not os.access(there, os.W_OK | os.X_OK):
            raise UserError(f"{there} cannot be written (permission denied): make it writable, as by chmod u+w")
