"""The settings of the analysis: the config's block `analyse` and what the study knows about its sets of images."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from weightscape.errors import UserError
from weightscape.metrics.analysis.claims.statements import rules

DIVERSITY, DROPOUT, DECAY = "augment", "dropout", "weight_decay"
"""The families of the central comparison. "Diversity" in a claim is `augment`; noise and synthetic stand apart."""

DATA_FAMILIES = ("augment", "noise", "synthetic_add", "synthetic_replace")
CONTROL_FAMILIES = ("label_noise", "duplicate", "real_add", "steps", "resolution")
NEUTRAL = {"steps": 1.0, "resolution": float("nan")}
"""The number of a family's baseline where it is not 0; NaN where it is not known, so that its doses have no scale."""

MEASURES = (
    "vendi_",
    "vendi.classes.mean.",
    "weighted.score.",
    "weighted.rho.published",
    "weighted.rho.covariance",
    "weighted.rho.mean",
    "mean_cosine",
    "pldiv.mean",
    "cluster_entropy.value",
    "precision",
    "recall",
    "density",
    "coverage",
    "kid.value",
    "mmd2.value",
    "energy_distance",
    "transport.value",
    "sliced_transport.value",
)
"""Beginnings of the names of diversity measures (the others are counts, spreads and references)."""

NOISE_SCORES = ("vendi.noise.mean.1", "vendi.random_directions.mean.1")
"""Vendi scores of pure noise, as images and as directions, at the common number of rows."""

UNITS = {
    "log_norm": "log10",
    "log_spectral_norm": "log10",
    "alpha": "exponent",
    "entropy": "share of its maximum",
    "stable_rank": "rank",
}


@dataclass(frozen=True)
class Options:
    """`config.yaml`, block `analyse`, says what each means; `seed` is the root of the random streams."""

    metrics: tuple[str, ...]
    primary: str
    alpha: float
    max_drop: float
    judge_floor: float
    match: str
    margin: float
    margins: Mapping[str, float]
    draws: int
    controls: Mapping[str, tuple[str, ...]]
    seed: int = 0
    coarse: tuple[str, ...] = ()
    """Data sets whose images are larger than what the generator makes."""

    scratch: tuple[str, ...] = ()
    """Backbones that start from random weights; the others are pre-trained."""

    rules: Mapping[str, str] = field(default_factory=rules)
    """The rule of each claim's verdict in words."""

    @property
    def level(self) -> float:
        """The level of the intervals."""
        return 1 - self.alpha

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any]) -> "Options":
        """The settings of the stage `analyse`; what is left out has the value of DEFAULTS."""
        block = {**DEFAULTS, **settings.get("analyse", {})}
        known = {each.name for each in fields(cls)}
        unknown = sorted(set(block) - known)
        if unknown:
            raise UserError(f"analyse: unknown key {unknown[0]!r}; allowed: {', '.join(sorted(known))}")
        if block["primary"] not in block["metrics"]:
            allowed = ", ".join(block["metrics"])
            raise UserError(
                f"analyse.primary = {block['primary']!r} is not among analyse.metrics; choose from {allowed}"
            )
        block["metrics"] = tuple(block["metrics"])
        block["controls"] = {name: tuple(each) for name, each in {**DEFAULTS["controls"], **block["controls"]}.items()}
        further = {name: tuple(settings.get(name, ())) for name in ("coarse", "scratch")}
        worded = {"rules": settings["rules"]} if "rules" in settings else {}
        return cls(**{"seed": settings.get("seed", 0), **further, **worded, **block})


DEFAULTS: dict[str, Any] = {
    "metrics": ("log_norm", "log_spectral_norm", "alpha", "entropy", "stable_rank"),
    "primary": "log_norm",
    "alpha": 0.05,
    "max_drop": 0.05,
    "judge_floor": 0.9,
    "match": "relative_change",
    "margin": 0.2,
    "margins": {},
    "draws": 999,
    "controls": {
        "C1": ("a_a", "strongest_decay", "duplicate"),
        "C2": ("a_a", "strongest_decay", "duplicate", "label_noise", "steps"),
        "C3": ("a_a", "strongest_decay"),
        "C4": (),
        "C5": ("a_a", "strongest_decay"),
        "C6": ("noise_reference",),
        "C7": ("a_a", "real_add", "judge_excess", "resolution"),
        "C8": ("a_a",),
        "C9": ("a_a",),
    },
}
"""The values of config.yaml, for tables analysed without a study."""
