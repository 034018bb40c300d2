"""Saves and restores a training run's checkpoint."""

import pickle
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from weightscape.finetune.witness import Witness
from weightscape.formats.writing import replacing

History = list[dict[str, float]]
"""One row per block of steps."""


@dataclass(frozen=True)
class State:
    """All of a run that a step changes."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    witness: Witness
    history: History


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run in one file, refused when it was made by other settings, code or inputs."""

    path: Path
    identity: str

    def save(self, step: int, state: State) -> None:
        """Write the state after `step` steps, atomically."""
        content = {
            "identity": self.identity,
            "step": step,
            "model": state.model.state_dict(),
            "optimizer": state.optimizer.state_dict(),
            "scaler": state.scaler.state_dict(),
            "witness": state.witness.state(),
            "history": state.history,
        }
        with replacing(self.path) as temporary:
            try:
                torch.save(content, temporary)
            except RuntimeError:  # so torch says that a write came short
                raise OSError("the disk took only a part of it") from None

    def resume(self, state: State) -> int:
        """Load the state if the file is there and fits; returns the number of steps that are done."""
        if not self.path.exists():
            return 0
        try:
            device = next(state.model.parameters()).device
            content = torch.load(self.path, map_location=device, weights_only=True)
            fits = content["identity"] == self.identity
        except (RuntimeError, OSError, EOFError, ValueError, KeyError, TypeError, pickle.UnpicklingError) as error:
            print(f"checkpoint {self.path} cannot be read ({error}): starting anew", file=sys.stderr)
            return 0
        if not fits:
            print(f"checkpoint {self.path} is of other settings, code or inputs: starting anew", file=sys.stderr)
            return 0
        state.model.load_state_dict(content["model"])
        state.optimizer.load_state_dict(content["optimizer"])
        state.scaler.load_state_dict(content["scaler"])
        state.witness.load(content["witness"])
        state.history.extend(content["history"])
        print(f"resumed after {content['step']} steps", file=sys.stderr)
        return content["step"]
