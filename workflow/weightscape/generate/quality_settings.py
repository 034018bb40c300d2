"""Settings of the stage `measure_quality`; `config.yaml` has their values, its schema their ranges."""

from dataclasses import dataclass


@dataclass(frozen=True)
class MeasureQualitySettings:
    """How synthetic images are compared with real ones."""

    compared_images: int  # of each side, at most
    neighbours: int  # of precision, recall, density and coverage
    shown_per_class: int  # images kept for the figures
    seed: int
