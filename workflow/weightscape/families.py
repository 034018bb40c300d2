"""The families of interventions: which stage each changes and what its baseline is called."""

BASELINE = "baseline"
NEUTRAL = {"steps": 1.0}
"""The number of a baseline where it is not 0."""
DIVERSITY_FAMILIES = (
    "augment",
    "noise",
    "synthetic_add",
    "synthetic_replace",
    "duplicate",
    "real_add",
    "resolution",
)
"""Families that change how diverse the images are that the network sees."""
DATA_FAMILIES = ("synthetic_add", "synthetic_replace", "label_noise", "duplicate", "real_add")
"""Families whose item list differs from the real training set; all others share that one list."""


def alters_items(family: str, dose: str) -> bool:
    """Whether a condition trains on another item list than the real training set."""
    return family in DATA_FAMILIES and dose != BASELINE


def needs_generator(family: str, dose: str) -> bool:
    """Whether a condition trains on synthetic images."""
    return family in ("synthetic_add", "synthetic_replace") and dose != BASELINE


def needs_extra(family: str, dose: str) -> bool:
    """Whether a condition trains on further real images."""
    return family == "real_add" and dose != BASELINE


def strength(family: str, number: float) -> tuple[float, float]:
    """What the doses of a family are compared by, weakest first; 12 decimals, as 1.4 - 1 is less than 1 - 0.6."""
    if family == "resolution":
        return -number, number
    return round(abs(number - NEUTRAL.get(family, 0.0)), 12), number
