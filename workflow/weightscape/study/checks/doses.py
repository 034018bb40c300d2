"""Checks that the settings of training fit each other, and that every dose can be named, ordered and applied."""

from weightscape.errors import UserError
from weightscape.families import BASELINE
from weightscape.networks.settings import DROPOUTS
from weightscape.study import Config, doses, recipes
from weightscape.study.checks.names import check_defined


def check(config: Config) -> None:
    """A `UserError` reports the first setting that does not fit, or dose that cannot be named, ordered or applied."""
    _check_normalisation(config)
    for family in config["study"]["families"]:
        if not config["families"][family]["doses"]:
            raise UserError(
                f"config: families.{family}.doses has no dose: give it one, or take {family} out of study.families"
            )
        for dose, values in config["families"][family]["doses"].items():
            key = f"families.{family}.doses.{dose}"
            if dose == BASELINE:
                raise UserError(f"config: {key}: {BASELINE!r} names the neutral runs of every study: take it out")
            _check_axis(config, family, dose)
            _check_decay(config, key, values)
            if family == doses.INSIDE:
                _check_places(config, f"{key}.places", values["places"])
            _check_choice(config, key, values)
            if "recipe" in values and values["recipe"] not in recipes.names(config):
                allowed = ", ".join(recipes.names(config))
                raise UserError(
                    f"config: {key}.recipe = {values['recipe']!r} is not in generate.recipes; choose from {allowed}"
                )


def _check_axis(config: Config, family: str, dose: str) -> None:
    """The family's axis must be a number of the dose."""
    axis, numbers = config["families"][family]["axis"], doses.numbers(config, family, dose)
    if axis not in numbers:
        raise UserError(
            f"config: families.{family}.axis = {axis!r} is no number of dose {dose!r}; choose from {', '.join(numbers)}"
        )


def _check_decay(config: Config, key: str, values: Config) -> None:
    """The optimiser must be able to decay the weights as the dose asks."""
    if values.get("decay", 0) and not values["coupled"] and config["finetune"]["optimizer"] == "sgd":
        raise UserError(
            f"config: {key}.coupled = false needs finetune.optimizer = 'adam' (AdamW); SGD can only do coupled = true"
        )


CHOICE = ("by", "gate")
"""Keys that a dose needs to choose its images."""


def _check_choice(config: Config, key: str, values: Config) -> None:
    """A dose that chooses its images must say in which space and behind which gate."""
    if "choose" not in values:
        idle = next((name for name in (*CHOICE, "given", "pool") if name in values), None)
        if idle is not None:
            raise UserError(f"config: {key}.{idle} = {values[idle]!r} is about a choice: add choose, or remove it")
        return
    for name in CHOICE:
        if name not in values:
            raise UserError(f"config: {key}.choose = {values['choose']!r} lacks {name}: add it")
    if values["by"] != doses.PIXELS:
        check_defined(config, f"{key}.by", values["by"], "backbones")


def _check_places(config: Config, key: str, places: Config) -> None:
    """A dose must name the places that drop in every backbone of the study."""
    for name in places:
        check_defined(config, key, name, "backbones")
    for backbone in config["study"]["backbones"]:
        if backbone not in places:
            allowed = ", ".join(DROPOUTS)
            raise UserError(f"config: {key} does not say what drops in {backbone!r}: give it a list of {allowed}")


def _check_normalisation(config: Config) -> None:
    """Mean and standard deviation must be those of one grey channel or of three colours."""
    for backbone in config["study"]["backbones"]:
        block = config["backbones"][backbone]["input"]
        counts = len(block["mean"]), len(block["std"])
        if counts not in ((1, 1), (3, 3)):
            raise UserError(
                f"config: backbones.{backbone}.input has {counts[0]} numbers in mean and {counts[1]} in std: give one "
                "of each, or three"
            )
