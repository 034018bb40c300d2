"""Saves and restores a training run's checkpoint."""

import pickle
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from weightscape.finetune.witness import Witness
from weightscape.formats.writing import replacing


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run in one file, refused when it was made by other settings, code or inputs."""

    path: Path
    identity: str

    def save(
        self,
        step: int,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        scaler: torch.amp.GradScaler,
        witness: Witness,
        history: list,
    ) -> None:
        """Write the state after `step` steps, atomically."""
        state = {
            "identity": self.identity,
            "step": step,
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "scaler": scaler.state_dict(),
            "witness": witness.state(),
            "history": history,
        }
        with replacing(self.path) as temporary:
            try:
                torch.save(state, temporary)
            except RuntimeError:  # so torch says that a write came short
                raise OSError("the disk took only a part of it") from None

    def resume(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        scaler: torch.amp.GradScaler,
        witness: Witness,
        history: list,
    ) -> int:
        """Load the state if the file is there and fits; returns the number of steps that are done."""
        if not self.path.exists():
            return 0
        try:
            state = torch.load(self.path, map_location=next(model.parameters()).device, weights_only=True)
            fits = state["identity"] == self.identity
        except (RuntimeError, OSError, EOFError, ValueError, KeyError, TypeError, pickle.UnpicklingError) as error:
            print(f"checkpoint {self.path} cannot be read ({error}): starting anew", file=sys.stderr)
            return 0
        if not fits:
            print(f"checkpoint {self.path} is of other settings, code or inputs: starting anew", file=sys.stderr)
            return 0
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        scaler.load_state_dict(state["scaler"])
        witness.load(state["witness"])
        history.extend(state["history"])
        print(f"resumed after {state['step']} steps", file=sys.stderr)
        return state["step"]
