"""Writes names and numbers for people, in tables, figures and on the page: no identifiers, a true minus."""

import math
from typing import Any

from weightscape.families import FAMILIES

METRICS = {
    "log_norm": "log10 norm",
    "log_spectral_norm": "log10 spectral norm",
    "alpha": "tail exponent \u03b1",
    "entropy": "spectral entropy",
    "log_stable_rank": "log10 stable rank",
    "log_free_norm": "log10 norm without shrinkage",
    "val": "validation accuracy",
    "val_loss": "validation loss",
    "vendi_1": "Vendi score",
    "esd": "spectral density",
    "test": "test accuracy",
    "ood": "OOD accuracy",
    "ood accuracy": "OOD accuracy",
    "ood_loss": "OOD loss",
    "ece": "ECE",
    "weighted_trace": "curvature",
    "relative_change": "relative change of the weights",
    "train_loss": "loss on the training images",
}
CONTROLS = {
    "regime": "regime",
    "a_a": "A/A",
    "strongest_decay": "strongest weight decay",
    "noise_reference": "noise reference",
    "judge_excess": "judge's excess error",
}
"""Controls that are no families."""
RAISED = str.maketrans("0123456789-", "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079\u207b")
PLAIN = 4
"""Digits before the point up to which a number is written without a power of ten."""


def metric(name: str) -> str:
    """A metric or outcome in words."""
    return METRICS.get(name, name.replace("_", " "))


def family(name: str) -> str:
    """A family in words."""
    return FAMILIES[name].title if name in FAMILIES else name.replace("_", " ")


def control(name: str) -> str:
    """A control in words."""
    return CONTROLS.get(name) or family(name)


def condition(of: str, dose: str) -> str:
    """A condition in words, as `weight decay, strong`."""
    return f"{family(of)}, {dose}"


def scope(name: str) -> str:
    """A scope of features in words."""
    return {"hidden": "hidden layers", "update": "update of the hidden layers"}.get(name, name)


def layer(name: str) -> str:
    """The name of a layer's part; the weight, if it is the only part, is not named."""
    return name.removesuffix("/weight").replace("/", ", ")


def number(value: Any, digits: int = 4) -> str:
    """So many significant digits with a true minus sign, powers of ten where there are more digits before the point."""
    mantissa, _, power = f"{value:.{digits}g}".partition("e")
    if power and 0 <= int(power) < PLAIN:
        mantissa, power = f"{float(f'{mantissa}e{power}'):.0f}", ""
    raised = f" \u00d7 10{str(int(power)).translate(RAISED)}" if power else ""
    return mantissa.replace("-", "\u2212") + raised


def percent(share: float) -> str:
    """A share in percent, as `95 %`."""
    return f"{100 * share:.4g} %"


def interval(level: float | None) -> str:
    """An interval in words, as `95 % interval`, or `interval` if its level is not known."""
    return "interval" if level is None else f"{percent(level)} interval"


def signed(value: float, digits: int) -> str:
    """A number of so many decimals with a true minus sign, and no sign before a zero."""
    text = f"{value:.{digits}f}"
    zero = math.isfinite(value) and float(text) == 0
    return text.replace("-", "" if zero else "\u2212")
