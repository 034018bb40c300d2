"""Saves and restores the state of an unfinished training."""

import pickle
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch

from weightscape.formats.writing import replacing


class Stateful(Protocol):
    """A part of a training that torch can save."""

    def state_dict(self) -> Any: ...
    def load_state_dict(self, state_dict: Any, /) -> Any: ...


Part = Stateful | list[Any]


@dataclass
class Checkpoint:
    """The state of a training in one file, refused when it was made by other settings, code or inputs (`identity`).

    The parts of a state have `state_dict` and `load_state_dict`, or are lists. `stopped` tells whether the training was
    asked to stop. A state is due every `minutes`.
    """

    path: Path
    identity: str
    stopped: Callable[[], bool] = lambda: False
    minutes: float = 0.0
    saved: float = field(default_factory=time.monotonic)

    def due(self) -> bool:
        """Whether the last state was saved, or the training began, so many minutes ago."""
        return time.monotonic() - self.saved >= 60 * self.minutes

    def save(self, step: int, parts: Mapping[str, Part]) -> None:
        """Write the state after `step` steps, atomically."""
        states = {name: part if isinstance(part, list) else part.state_dict() for name, part in parts.items()}
        with replacing(self.path) as temporary:
            try:
                torch.save({"identity": self.identity, "step": step, **states}, temporary)
            except RuntimeError:  # so torch says that a write came short
                raise OSError("the disk took only a part of it") from None
        self.saved = time.monotonic()

    def resume(self, parts: Mapping[str, Part], device: torch.device | str) -> int:
        """Load the state if the file is there and fits; returns the number of steps that are done."""
        if not self.path.exists():
            return 0
        try:
            content = torch.load(self.path, map_location=device, weights_only=True)
            fits = content["identity"] == self.identity
        except (RuntimeError, OSError, EOFError, ValueError, KeyError, TypeError, pickle.UnpicklingError) as error:
            print(f"checkpoint {self.path} cannot be read ({error}): starting anew", file=sys.stderr)
            return 0
        if not fits:
            print(f"checkpoint {self.path} is of other settings, code or inputs: starting anew", file=sys.stderr)
            return 0
        for name, part in parts.items():
            if isinstance(part, list):
                part.extend(content[name])
            else:
                part.load_state_dict(content[name])
        print(f"resumed after {content['step']} steps", file=sys.stderr)
        return content["step"]
