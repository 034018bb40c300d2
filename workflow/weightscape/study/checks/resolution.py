"""Tells, before the first job, where the validation images are too few to tell a destructive condition by."""

from weightscape.study import Config

ACCURACY = 0.9
"""An accuracy at which most studies work; at a lower one still more images are needed."""


def resolved(images: int) -> float:
    """The least drop of accuracy that some images tell from none: twice the standard error sqrt(2 p (1 - p) / n)."""
    return 2 * (2 * ACCURACY * (1 - ACCURACY) / images) ** 0.5


def notes(config: Config) -> list[str]:
    """One sentence for each data set whose validation split does not resolve `analyse.max_drop`."""
    drop = config["analyse"]["max_drop"]
    found = []
    for dataset in config["study"]["datasets"]:
        images = config["data"][dataset]["splits"]["val"]
        if not isinstance(images, int):
            continue
        error = resolved(images) / 2
        if 2 * error > drop:
            enough = round(8 * ACCURACY * (1 - ACCURACY) / drop**2)
            found.append(
                f"data.{dataset}.splits.val = {images}: the difference of two accuracies has a standard error of about "
                f"{100 * error:.1f} points, so that analyse.max_drop = {drop:g} would call conditions destructive by "
                f"chance; take at least {enough} images, or raise max_drop"
            )
    return found
