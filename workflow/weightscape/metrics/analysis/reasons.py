"""Why a test or a claim has the verdict that it has: a sentence, and where a verdict is lacking the kind of the lack.

The kind makes the sentence, and tells what would decide the claim; nothing is decided by the words of a reason.
"""

from dataclasses import dataclass
from enum import Enum


class Lack(Enum):
    """Names what a claim without a verdict lacks: the reason, whose fields `reason` fills in, and the remedy."""

    NOT_MONOTONE = (
        "not monotone (Vendi score from the baseline up: {scores}; lack of fit: {fit})",
        "doses whose measured diversity rises from each to the next",
    )
    ORDERS_DIFFER = (
        "the orders 0.5, 1 and 2 differ in the sign of the slope",
        "doses whose diversity rises at every order of the Vendi score",
    )
    DESTRUCTIVE = "every dose of {family} is destructive", "weaker doses, which do not destroy"
    GENERATOR_FAILED = "the generator of every dose of {family} has failed", "a generator that does not fail"
    NO_FAMILY = "the study has no family {family}", "that family"
    FEW_FAMILIES = (
        "n: {families} families of data with {conditions} conditions, where families are the samples and at least "
        "{least_families} with {least_conditions} conditions are needed",
        "more families of data whose doses do not destroy",
    )
    FEW_BASELINES = "n: the baseline has {runs}, and claims need {least}", "more baseline runs"
    NO_EFFECT = "the effect of {effect} does not differ from zero", "a stronger dose, or more runs"
    FEW_REPEATS = (
        "n: too few repeated runs for the covariance of {features} features",
        "more runs of each condition, or fewer features",
    )
    NOT_MEASURED = "{what} was not measured", "what was not measured"
    NO_UPDATES = "the spectra of the updates were not measured", "what was not measured"
    NO_CURVATURE = "the study measured no curvature (calibration alone: {calibration})", "the curvature"
    FEW_PROBES = (
        "n: the curvature has {probes} random directions, where {least} are needed",
        "more random directions",
    )
    OPPOSITE = (
        "diversity moves it opposite to {families}, which is not told after Holm's correction (p = {p})",
        "more runs of each condition",
    )
    NOT_SPECIFIC = (
        "not specific: in the {scope} {family} explains as much as {winner}",
        "features or doses that tell them apart, or more runs of each condition",
    )
    NO_LOGARITHM = (
        "{value} has a logarithm in {known} of {runs} runs, as it is not above zero in the others",
        "another measure of curvature, as this one is not above zero in every run",
    )
    NO_VALUE = "no usable value in every run", "a measure that has a value in every run"
    NO_REPLICATES = "no replicates", "at least two runs of each condition"

    def __init__(self, text: str, remedy: str) -> None:
        self.text, self.remedy = text, remedy

    def reason(self, **fields: object) -> "Reason":
        """The reason of this kind with its fields."""
        return Reason(self.text.format(**fields), self)


@dataclass(frozen=True)
class Reason:
    """A reason in words, false if there is none, and the kind of what is lacking, where that tells what to do."""

    text: str = ""
    lack: Lack | None = None

    def __bool__(self) -> bool:
        return bool(self.text)

    def __str__(self) -> str:
        return self.text

    def within(self, before: str = "", after: str = "") -> "Reason":
        """The reason of the same kind with further words."""
        return Reason(f"{before}{self.text}{after}", self.lack)


NONE = Reason()
