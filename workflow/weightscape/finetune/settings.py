"""Settings of one run: its condition, its network, the training loop, and what the condition asks of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from weightscape.augmentations.operations import Operation
from weightscape.networks.settings import NetworkSettings

Precision = Literal["float32", "bfloat16", "float16", "auto"]


@dataclass(frozen=True)
class Condition:
    """The names of a run; its path holds the same, so that they make nothing stale."""

    dataset: str
    backbone: str
    family: str
    dose: str
    seed: int


@dataclass(frozen=True)
class TrainingSettings:
    """The loop, equal in every condition but for the steps; config.yaml explains each."""

    steps: int
    batch_size: int
    optimizer: Literal["adam", "sgd"]
    learning_rate: float
    schedule: Literal["one_cycle", "constant"]
    rise: float
    betas: tuple[float, ...]
    witness_every: int
    history_every: int
    checkpoint_minutes: float


@dataclass(frozen=True)
class WeightDecay:
    """Weight decay, and what decays beside the matrices."""

    decay: float  # per unit of the learning rate
    coupled: bool  # Adam with L2 in place of AdamW
    head: bool
    norms: bool  # biases and normalisation


@dataclass(frozen=True)
class ItemShares:
    """Shares of the items of a list; `copies` are items beyond the first of an image."""

    synthetic_share: float
    extra_share: float
    changed_labels: float
    copies: float


@dataclass(frozen=True)
class Mixing:
    """The family that mixes the images of a batch, and the numbers of its dose."""

    name: str
    values: Mapping[str, float]


@dataclass(frozen=True)
class Action:
    """The changes that a condition makes to the training, with neutral values for all that it leaves alone."""

    operations: tuple[Operation, ...]
    noise: float  # standard deviation where full scale is 1
    dropout: Mapping[str, float]  # rate of each place
    weight_decay: WeightDecay
    items: ItemShares
    mixing: Mixing | None


@dataclass(frozen=True)
class FinetuneSettings:
    """Settings of the stage `finetune`; `seed` is the root of the run's random streams."""

    condition: Condition
    network: NetworkSettings
    batch_norm_momentum: float | None
    precision: Precision
    compile: bool
    training: TrainingSettings
    action: Action
    seed: int
