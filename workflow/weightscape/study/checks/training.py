"""Checks that the settings of training fit each other."""

from weightscape.errors import UserError
from weightscape.study import Config


def check(config: Config) -> None:
    """A `UserError` reports the first setting that does not fit another."""
    training = config["finetune"]
    if training["checkpoint_every"] % training["history_every"]:
        raise UserError(
            f"config: finetune.checkpoint_every = {training['checkpoint_every']} must be a multiple of "
            f"finetune.history_every = {training['history_every']}"
        )
    for backbone in config["study"]["backbones"]:
        _check_normalisation(f"backbones.{backbone}.input", config["backbones"][backbone]["input"])


def _check_normalisation(key: str, block: Config) -> None:
    """Mean and standard deviation must be those of one grey channel or of three colours."""
    counts = len(block["mean"]), len(block["std"])
    if counts not in ((1, 1), (3, 3)):
        raise UserError(
            f"config: {key} has {counts[0]} numbers in mean and {counts[1]} in std: give one of each, or three"
        )
