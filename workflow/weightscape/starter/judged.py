"""Tries the judge of a new study on the images that `init` has seen, and tells what it cannot tell of them.

How many images a judge needs depends on what they show, not on their number: 225 digits of ten classes teach it 95 %
of others, 120 small photographs of four classes 32 %. So it is trained, at 32 px, in some seconds.
"""

import numpy as np

from weightscape.data.splits import split_rows
from weightscape.formats.shards import ImageSet
from weightscape.generate.judge_settings import TrainJudgeSettings
from weightscape.generate.quality import unjudged
from weightscape.metrics.analysis.destructive import LEAST_JUDGED
from weightscape.starter.pictures import SIDE, Looked
from weightscape.starter.scale import LEAST_TRAIN
from weightscape.study import Config, study

ASKED = 1000
"""Images that the judge is asked about, at most."""


def told(looked: Looked, config: Config) -> list[str]:
    """A sentence on a judge that knows too few of the images to be asked about changed ones; none on another."""
    from weightscape.generate import judge

    images = looked.train.images[:, : looked.channels]
    if len(images) < LEAST_TRAIN:
        return []
    classes, labels = np.unique(looked.train.labels, return_inverse=True)
    (dataset,) = config["study"]["datasets"]
    extra = max(2, min(config["data"][dataset]["splits"]["extra"], len(images) // 2))  # one image has no spread
    counts = {"extra": extra, "asked": min(ASKED, len(images) - extra)}
    rows = split_rows(labels, counts, np.random.default_rng(0))
    settings = TrainJudgeSettings(**{**config["generate"]["judge"], "shift": SIDE // 14, "seed": 0})
    weights = judge.train(ImageSet(images[rows["extra"]], labels[rows["extra"]]), len(classes), settings)
    known = float((judge.predict(weights, images[rows["asked"]]).argmax(1) == labels[rows["asked"]]).mean())
    if known >= LEAST_JUDGED:
        return []
    open_too = study.uses_generator(config) and unjudged(known, len(classes))
    return [
        f"the judge, tried on {extra} of these images at {SIDE} px, recognises {100 * known:.0f} % of "
        f"{counts['asked']} others ({100 / len(classes):.0f} % by chance), less than the {100 * LEAST_JUDGED:.0f} % at "
        "which it is asked: a dose is then called destructive by its drop of accuracy alone, not by its images"
        f"{', and nobody knows how good synthetic images are' if open_too else ''}; more images may help"
    ]
