"""Checks, before the first job, that timm has the study's networks and that these can drop what the doses ask.

Importing timm takes as long as the rest of a plan, so results are remembered and only new questions are asked.
"""

from importlib.metadata import version

from weightscape.errors import UserError
from weightscape.formats import cache
from weightscape.formats.json_yaml import Remembered
from weightscape.networks.settings import OFFERED_BY_ALL
from weightscape.study import Config, doses, study


def check(config: Config) -> None:
    """Builds each backbone with each set of places that a dose drops in it, without memory for its weights.

    A network from a hub or a folder (`hf-hub:`, `local-dir:`) is looked up only for what it drops.
    """
    remembered, release = Remembered(cache.folder() / "networks.json"), f"timm {version('timm')}"
    known = len(remembered.answers)
    asked: dict[tuple[str, frozenset[str]], str] = {}
    for backbone in study.embeddings(config):
        model = config["backbones"][backbone]["model"]
        if ":" not in model:
            asked[backbone, frozenset()] = f"backbones.{backbone}.model"
    for backbone in config["study"]["backbones"]:
        for family, dose in study.conditions(config):
            rates = doses.action(config, family, dose, backbone).dropout
            places = frozenset(place for place, rate in rates.items() if rate > 0)
            if not places <= set(OFFERED_BY_ALL):
                asked.setdefault((backbone, places), f"families.{family}.doses.{dose} in backbone {backbone!r}")
    for (backbone, places), key in asked.items():
        block = config["backbones"][backbone]
        shape = len(block["input"]["mean"]), block["input"]["size"], block["input"]["size"]
        name = f"{block['model']} {','.join(sorted(places)) or shape} {release}"
        if name not in remembered.answers:
            _build(block["model"], places, key, shape)
            remembered.answers[name] = True
    if len(remembered.answers) > known:
        remembered.keep()


def _build(model: str, places: frozenset[str], key: str, shape: tuple[int, int, int]) -> None:
    """Builds a network; a network that drops nothing is also given an image of `shape`."""
    import torch

    from weightscape.networks.building import network

    try:
        with torch.device("meta"):
            net = network(model, 2, dict.fromkeys(places, 0.5)).eval()
    except UserError as error:
        raise UserError(f"config: {key}: {error}") from None
    if places:
        return
    try:
        with torch.inference_mode():
            net(torch.empty(1, *shape, device="meta"))
    except (AssertionError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:150]
        raise UserError(
            f"config: {key.removesuffix('.model')}.input: timm's {model!r} cannot take {shape[0]} channels of "
            f"{shape[1]} x {shape[2]} px ({reason}): change size, or mean and std"
        ) from None
