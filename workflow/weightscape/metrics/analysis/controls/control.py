"""How a control came out."""

from dataclasses import dataclass
from enum import Enum, auto


class Status(Enum):
    """What a control showed; a verdict needs that it passed, or that it is not needed."""

    PASSED = auto()
    NOT_NEEDED = auto()
    FAILED = auto()
    NOT_SHOWN = auto()
    NOT_SPECIFIC = auto()
    MISSING = auto()


@dataclass(frozen=True)
class Control:
    """A control with its outcome in words."""

    name: str
    status: Status
    outcome: str

    @property
    def passed(self) -> bool:
        """Whether a verdict may stand."""
        return self.status in (Status.PASSED, Status.NOT_NEEDED)


def lacking(name: str, why: str) -> Control:
    """A control that could not be made."""
    return Control(name, Status.MISSING, f"missing: {why}")


def judged(name: str, passed: bool, outcome: str) -> Control:
    """A control that passed or failed."""
    return Control(name, Status.PASSED if passed else Status.FAILED, outcome)
