"""Whether a study's networks have what its doses drop: looked up before the first job, where a dose asks for more than
head and stochastic depth, as timm must then be imported."""

from weightscape import interventions, study
from weightscape.errors import UserError
from weightscape.study import Config

COMMON = {"head", "path"}
"""Places that are not looked up here."""


def check(config: Config) -> None:
    """Build each backbone with each set of places that a dose drops in it, without memory for its weights."""
    asked: dict[tuple[str, frozenset[str]], str] = {}
    for backbone in config["study"]["backbones"]:
        for family, dose in study.conditions(config):
            rates = interventions.action(config, family, dose, backbone)["dropout"]
            places = frozenset(place for place, rate in rates.items() if rate > 0)
            if places - COMMON:
                asked.setdefault((backbone, places), f"families.{family}.doses.{dose}")
    for (backbone, places), key in asked.items():
        _build(config["backbones"][backbone]["model"], places, f"{key} in backbone {backbone!r}")


def _build(model: str, places: frozenset[str], key: str) -> None:
    import torch

    from weightscape.networks import network

    try:
        with torch.device("meta"):
            network(model, 2, dict.fromkeys(places, 0.5))
    except UserError as error:
        raise UserError(f"config: {key}: {error}") from None
