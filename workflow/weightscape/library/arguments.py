"""Arguments of the library's functions as people give them: whole numbers, names, a device of torch."""

import os
from collections.abc import Iterable
from numbers import Integral
from pathlib import Path

from weightscape.errors import UserError

EXTRAS = {
    "null": "the random null (permuted entries)",
    "interval": "the bootstrap interval of the tail exponent",
    "goodness": "the goodness-of-fit p-value of the power law",
    "alternatives": "truncated power law, lognormal and exponential",
    "farms": "the fixed-aspect exponent",
}
"""Groups of columns that cost time in a table of spectra."""


def whole_number(value: object, name: str, least: int) -> int:
    """A whole number of Python or numpy from `least` on; `name` is that of the argument, for messages."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise UserError(f"{name} = {value!r}: give a whole number from {least}")
    return int(value)


def texts(value: object, name: str) -> list[str]:
    """One name or several as a list."""
    found = list(value) if isinstance(value, Iterable) and not isinstance(value, str) else [value]
    wrong = [each for each in found if not isinstance(each, str)]
    if wrong:
        raise UserError(f"{name} holds {wrong[0]!r}: give a name, or a list of names")
    return [each for each in found if isinstance(each, str)]


def path(value: object, name: str) -> Path:
    """A path of text or of `pathlib`, with `~` expanded; `name` is that of the argument, for messages."""
    if not isinstance(value, str | os.PathLike):
        raise UserError(f"{name} cannot be a {type(value).__name__}: give a path")
    return Path(value).expanduser()


def check_device(device: str, told: str) -> None:
    """Say in one sentence that torch cannot decompose there; `told` is the option with its value."""
    from weightscape.provenance.extras import require

    require("torch", told)
    import torch

    try:
        torch.linalg.eigvalsh(torch.eye(2, dtype=torch.float64, device=device)).cpu().numpy()
    except Exception as error:  # torch and the drivers below it raise errors of many kinds
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{told} cannot be used ({reason}): leave it out") from None
