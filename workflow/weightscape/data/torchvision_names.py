"""The classification sets of torchvision, by the names of their classes: looked up without importing torchvision."""

import difflib

from weightscape.errors import UserError

# fmt: off
NAMES = (
    "CIFAR10", "CIFAR100", "CLEVRClassification", "Caltech101", "Caltech256", "Country211", "DTD", "EMNIST",
    "EuroSAT", "FER2013", "FGVCAircraft", "FashionMNIST", "Flowers102", "Food101", "GTSRB", "INaturalist",
    "ImageNet", "Imagenette", "KMNIST", "LSUN", "MNIST", "Omniglot", "OxfordIIITPet", "PCAM", "Places365", "QMNIST",
    "RenderedSST2", "SEMEION", "STL10", "SUN397", "SVHN", "StanfordCars", "USPS",
)
# fmt: on
"""Sets of images with one class each; those of boxes, masks, pairs, attributes or videos have none to train on."""


def check(key: str, name: str) -> None:
    """A set's name must be one of NAMES."""
    if name in NAMES:
        return
    capitals = {known.lower(): known for known in NAMES}
    near = [capitals[name] for name in difflib.get_close_matches(name.lower(), capitals, 3, 0.6)]
    hint = f"did you mean {' or '.join(near)}?" if near else f"choose from {', '.join(NAMES)}"
    raise UserError(f"config: {key} = {name!r} is no classification set of torchvision: {hint}")
