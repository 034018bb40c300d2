"""The settings of the stage `report`, and the chapters of its page."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CHAPTERS = {
    "What the networks saw": (
        "synthetic_samples",
        "seen_samples",
        "diversity_by_dose",
        "diversity_measures",
        "diversity_spaces",
    ),
    "Accuracy and calibration": (
        "accuracy_by_dose",
        "ood_by_dose",
        "reliability",
        "id_against_ood",
        "diversity_against_ood",
        "synthetic_share",
        "chosen_images",
    ),
    "The weights": (
        "effects_by_setup",
        "diversity_signature",
        "effect_by_dose",
        "layer_effects",
        "family_similarity",
        "penalty_transfer",
        "effect_against_change",
        "aa_null",
        "esd",
        "hill",
    ),
    "The claims, and the published study's own view": ("claims", "published_procedure"),
}
"""The figures of each chapter of the page, in order."""
FURTHER = "Further figures"


def chapter_of(figure: str) -> str:
    """The chapter of a figure; those that are in none stand at the end."""
    return next((title for title, names in CHAPTERS.items() if figure in names), FURTHER)


@dataclass(frozen=True)
class ReportSettings:
    """Title, figures and tables of the page, and the study that it shows, as far as that is known.

    `tables` are those that the page offers, each with the sentence that describes it there.
    `differences` are the keys that differ from config.yaml, each with the value there and the study's.
    """

    title: str
    figures: tuple[str, ...]
    tables: tuple[tuple[str, str], ...]
    config: Mapping[str, Any] | None
    differences: tuple[tuple[str, ...], ...] | None

    @property
    def level(self) -> float | None:
        """The level of the study's intervals; None if its config is not known."""
        return None if self.config is None else 1 - self.config["analyse"]["alpha"]
