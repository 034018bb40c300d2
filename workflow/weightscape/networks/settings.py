"""Settings of a network: its architecture, the form in which it sees images, and the places at which it may drop."""

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


TIMM_ARGUMENTS = {"head": "drop_rate", "path": "drop_path_rate", "attention": "attn_drop_rate", "mlp": "proj_drop_rate"}
"""The places at which timm's networks can drop, with timm's own argument: before the head, whole residual branches
(stochastic depth), attention weights, and the outputs of projections and MLPs."""
DROPOUTS = (*TIMM_ARGUMENTS, "block")
"""All places; `block` is the output of each residual block, after which this package adds a dropout."""
OFFERED_BY_ALL = ("head", "path")  # the places that timm offers for every network
