"""Chooses the sizes of the diffusion model that a config leaves `auto`, from the side and channels of the images."""

from weightscape.data.digits import SIDE
from weightscape.errors import UserError
from weightscape.formats.typed import from_json
from weightscape.generate.model_settings import ModelSettings, TrainingSettings, check_size
from weightscape.study import Config

AUTO = "auto"
PATCH = 4
"""Side of a block: small networks learn more per second on a coarse grid with many channels (docs/generator.md)."""
COARSEST = 4
"""Side of the last grid, at least: one that is odd or as small is not halved."""
WIDTH = 64
GREY_STEPS = 900
COLOUR_STEPS = 1200
PLAIN = {"learning_rate": 2e-3, "matrix_rate": 0.02, "noise_mean": 0.3, "noise_spread": 1.2}
FILTERED = {"learning_rate": 1e-3, "matrix_rate": 0.015, "noise_mean": 1.0, "noise_spread": 1.0}
"""What a filter lacks shows at much noise, and is learned in smaller steps."""


def shape(config: Config, dataset: str) -> tuple[int, int]:
    """The side and the channels of a data set's images."""
    image = config["data"][dataset].get("image")
    return (image["size"], image["channels"]) if image else (SIDE, 1)


def model(config: Config, dataset: str) -> ModelSettings:
    """The network for a data set's images: the chosen sizes, with a `UserError` where they do not divide the images."""
    block = dict(config["generate"]["model"])
    side, _ = shape(config, dataset)
    if block["patch"] == AUTO:
        block["patch"] = next(patch for patch in (PATCH, 2, 1) if side % patch == 0 and (side > 16 or patch < PATCH))
    if block["channels"] == AUTO:
        block["channels"] = _widths(side // block["patch"])
    try:
        check_size(block["patch"], block["channels"], side, side)
    except UserError as fault:
        raise UserError(f"config: data.{dataset}: {fault}") from None
    return from_json(ModelSettings, block, "generate.model")


def training(config: Config, dataset: str) -> TrainingSettings:
    """The training for a data set's images."""
    block = dict(config["generate"]["training"])
    if block["steps"] == AUTO:
        block["steps"] = GREY_STEPS if shape(config, dataset)[1] == 1 else COLOUR_STEPS
    chosen = FILTERED if model(config, dataset).filter else PLAIN
    block |= {name: value for name, value in chosen.items() if block[name] == AUTO}
    return from_json(TrainingSettings, block, "generate.training")


def _widths(grid: int) -> list[int]:
    """The channels of each resolution: the first has 64, the coarser ones 128."""
    widths = [WIDTH]
    while grid % 2 == 0 and grid > COARSEST and len(widths) < 4:
        grid //= 2
        widths.append(2 * WIDTH)
    return widths
