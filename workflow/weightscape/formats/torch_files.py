"""State dicts in files of torch, wherever in them they stand; only weights are unpickled, and no code is run."""

import argparse
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from weightscape.errors import UserError
from weightscape.formats.averaged import AVERAGED
from weightscape.formats.lazy_tensors import LiveTensors
from weightscape.formats.tensors import is_text

if TYPE_CHECKING:
    import torch

_MOST_REPEATED = 10**8  # entries of a tensor that may be a view of fewer stored ones
_DEEPEST = 4  # dictionaries within each other
_NO_WEIGHTS = ("optim", "sched", "scaler", "loops", "callbacks", "rng")  # openings of keys that hold no network
_OF_OPTIMISER = re.compile(
    r"(^|\.)(optimi[sz]ers?(_states?(_dict)?)?|optim|opt_state|(max_)?exp_avg(_sq(_row|_col)?)?|momentum_buffer)(\.|$)|^step$"
)
_USUAL = ("state_dict", "model_state_dict", "model", "module", "network", "net", "params")
"""Keys of a network beside others, in the order in which they are taken."""


def state_dicts_in(path: Path) -> tuple[dict[str, LiveTensors], int]:
    """Every state dict in a file by its keys, joined by dots ("" is the file's own); how many tensors are elsewhere."""
    import torch

    content = _loaded(path)
    found, left = state_dicts(content, lambda value: isinstance(value, torch.Tensor) and has_shape(value))
    if not found:
        raise UserError(f"{path} holds no tensors by name: save model.state_dict()")
    for state in found.values():
        for name, tensor in state.items():
            _check_stored(path, name, tensor)
    return {key: LiveTensors(state) for key, state in found.items()}, left


def is_of_optimiser(name: str) -> bool:
    """Whether a tensor is the state of an optimiser by its name, such as the mean of a gradient."""
    return bool(_OF_OPTIMISER.search(name))


def has_shape(tensor: Any) -> bool:
    """Refuse a tensor of torch that is nested or not initialised."""
    try:
        return tensor.shape is not None
    except RuntimeError:
        raise UserError(
            f"a tensor has no shape ({type(tensor).__name__}, nested or lazy): run the network once, or leave it out"
        ) from None


def _unnamed(content: Any, is_tensor: Callable[[Any], bool], depth: int = 0) -> int:
    """Tensors under keys that are no text, in lists, and in dictionaries that stand too deep."""
    if depth > 2 * _DEEPEST or not isinstance(content, Mapping | list | tuple):
        return 0
    named = isinstance(content, Mapping)
    items = list(content.items()) if named else [(None, value) for value in content]
    kept = [(key, value) for key, value in items if not (isinstance(key, str) and key.startswith(_NO_WEIGHTS))]
    own = sum(is_tensor(value) and (depth > _DEEPEST or not is_text(key)) for key, value in kept)
    return own + sum(_unnamed(value, is_tensor, depth + 1) for _, value in kept)


def state_dicts(content: Any, is_tensor: Callable[[Any], bool]) -> tuple[dict[str, dict[str, Any]], int]:
    """Every dictionary of tensors by name in nested dictionaries, by its keys joined by dots; those without a matrix
    only if no other is there. The number of tensors elsewhere.
    """
    every = dict(_state_dicts(content, is_tensor, "", 0))
    found = {key: state for key, state in every.items() if any(len(t.shape) > 1 for t in state.values())} or every
    left = sum(len(tensor.shape) > 0 for key in every.keys() - found.keys() for tensor in every[key].values())
    return found, left + _unnamed(content, is_tensor)


def usual_key(keys: Sequence[str]) -> str | None:
    """The keys of the state dict that is read where none is asked for; None where that leaves several.

    It is the only one, averaged weights (EMA), one of a usual name, or the file's own.
    """
    if len(keys) == 1:
        return keys[0]
    averaged = [key for key in keys if AVERAGED.search(key)]
    if len(averaged) == 1:
        return averaged[0]
    for usual in _USUAL:
        named = [key for key in keys if key.rpartition(".")[2] == usual]
        if len(named) == 1:
            return named[0]
    return "" if "" in keys else None


def _loaded(path: Path) -> Any:
    """The content of a file, memory-mapped where its format allows."""
    import warnings
    import zipfile

    import torch

    inert = [argparse.Namespace, np.dtype, np.float64(0).__reduce__()[0], *map(type, map(np.dtype, "?bBhHiIlLefd"))]
    try:
        with torch.serialization.safe_globals(inert), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch about its own storages, and about scripts, which are refused
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:  # torch's readers raise errors of many kinds at broken bytes
        text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
        reason = (text.splitlines() or [type(error).__name__])[0].split(". ")[0]
        kind = re.search(r"GLOBAL ([\w.]+)", text)
        if re.match(r"Weights only load failed|\[enforce fail", text):  # says nothing to a person
            reason = "its bytes are not those of torch.save"
        if kind:
            reason = f"it holds an object of class {kind[1]}, and reading it would run code"
        raise UserError(f"{path} is not a whole file of weights alone ({reason}): save model.state_dict()") from None


def _state_dicts(
    content: Any, is_tensor: Callable[[Any], bool], at: str, depth: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The dictionaries of tensors by name in `content`, which stands under the keys `at`."""
    if not isinstance(content, Mapping) or depth > _DEEPEST:
        return
    named = {name: value for name, value in content.items() if is_text(name)}
    tensors = {name: value for name, value in named.items() if is_tensor(value)}
    if not all(map(is_of_optimiser, tensors)):
        yield at, tensors
    for name, value in named.items():
        if isinstance(value, Mapping) and not (name.startswith(_NO_WEIGHTS) or is_of_optimiser(name)):
            yield from _state_dicts(value, is_tensor, f"{at}.{name}".lstrip("."), depth + 1)


def _check_stored(path: Path, name: str, tensor: "torch.Tensor") -> None:
    """Refuse a tensor that repeats fewer stored numbers."""
    import torch

    if tensor.numel() > _MOST_REPEATED and tensor.layout == torch.strided and tensor.is_cpu:
        stored = tensor.untyped_storage().nbytes() // tensor.element_size()
        if tensor.numel() > stored:
            raise UserError(f"{path} repeats {stored} numbers as tensor {name!r} {list(tensor.shape)}: save it whole")
