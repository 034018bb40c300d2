"""Settings of a network: its architecture, and the form in which it sees images."""

from dataclasses import dataclass


@dataclass(frozen=True)
class InputSettings:
    """The form in which a network sees images: side in px, and mean and spread of each channel in [0, 1]."""

    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class NetworkSettings:
    """A network by timm's name, and its input."""

    model: str
    input: InputSettings
