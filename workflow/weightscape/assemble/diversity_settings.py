"""Settings of the stage `measure_diversity`."""

from collections.abc import Mapping
from dataclasses import dataclass

from weightscape.augmentations.operations import Operation
from weightscape.diversity.settings import DiversitySettings
from weightscape.networks.settings import NetworkSettings


@dataclass(frozen=True)
class MeasureDiversitySettings:
    """The policy that the images pass, whether the items add to the real ones, and how diversity is measured."""

    operations: tuple[Operation, ...]
    noise: float
    adds: bool
    measures: DiversitySettings
    spaces: Mapping[str, NetworkSettings]  # the network of each embedding, by name
    seeds: Mapping[str, int]  # of the draws, by the label of the replicate

    @property
    def acts(self) -> bool:
        """Whether the network sees other images than those that are stored."""
        return bool(self.operations) or self.noise > 0
