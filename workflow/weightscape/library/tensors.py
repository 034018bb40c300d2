"""A network in any form that people have as named arrays: a path, a module or state dict of torch, arrays by name."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from weightscape.errors import UserError
from weightscape.formats.lazy_tensors import Chosen
from weightscape.formats.model_folders import config_of
from weightscape.formats.state_dicts import open_checkpoint, open_mapping
from weightscape.spectra import inputs
from weightscape.spectra.matrices import NOTHING_MORE, Known

Network = Any
"""A path, a torch module (on any device), a mapping of names to arrays or tensors, or one matrix."""


def tensors_of(network: Network) -> Chosen:
    """The named arrays of a network; tensors of torch are read, and brought from their device, one by one."""
    if isinstance(network, str | os.PathLike):
        return open_checkpoint(Path(network).expanduser())
    if not isinstance(network, type) and callable(getattr(network, "state_dict", None)):
        network = network.state_dict()
    if not isinstance(network, Mapping) and hasattr(network, "dtype") and len(getattr(network, "shape", ())) >= 2:
        network = {"weight": network}
    if not isinstance(network, Mapping):
        raise UserError(
            f"a network cannot be a {type(network).__name__}: give a path, a torch module, a state dict, or one matrix"
        )
    return open_mapping(network)


def known_of(network: Network, before: Network | None = None) -> tuple[Known, Any]:
    """The facts that stand beside a network: its `config.json`, or the module and its `config`; `adapter_config.json`.

    Those of `before` serve where `network` has none.
    """
    if hasattr(network, "named_modules"):
        from weightscape.networks.structure import structure_in

        structure = structure_in(network)
        if hasattr(network, "pretrained_cfg"):
            return Known(structure), None
        facts = getattr(getattr(network, "config", None), "to_dict", dict)()  # of transformers
        return replace(inputs.known_of(facts), structure=replace(structure, layouts={})), None
    if not isinstance(network, str | os.PathLike):
        return (NOTHING_MORE, None) if before is None else (known_of(before)[0], None)
    path = Path(network).expanduser()
    config = config_of(path)
    known = inputs.known_of(config) if config is not None or before is None else known_of(before)[0]
    return known, config_of(path, "adapter_config.json")
