"""Encodes each prompt of a pipeline once, however many images it has.

The results of `encode_prompt` are kept by text, and put together for each batch. Where the encodings of a batch differ
in length (tokenizers that pad no text), the pipeline encodes that batch by itself, for only it knows how to mask them.
"""

import inspect
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

KEPT = 128  # encodings in memory: 4 MB each for T5-XXL
PLAIN = (str, int, float, type(None), torch.device)


class EncodedPrompts:
    """The method `encode_prompt` of a pipeline, with a memory."""

    def __init__(self, encode: Callable[..., Any]) -> None:
        self.encode = encode
        self.signature = inspect.signature(encode)
        self.known: OrderedDict[str, tuple[Any, ...]] = OrderedDict()

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """The encodings of a list of prompts, as the pipeline gives them."""
        bound = self.signature.bind(*arguments, **named).arguments
        texts = {name: value for name, value in bound.items() if isinstance(value, list)}
        plain = all(isinstance(value, PLAIN) for name, value in bound.items() if name not in texts)
        plain &= all(isinstance(text, str) for value in texts.values() for text in value)
        images = len(texts.get("prompt", ()))
        if images and plain and all(len(value) == images for value in texts.values()):
            rows = [
                self._alone(bound | {name: value[at : at + 1] for name, value in texts.items()}) for at in range(images)
            ]
            if all(_alike(parts) for parts in zip(*rows, strict=True)):
                return tuple(map(_joined, zip(*rows, strict=True)))
        return self.encode(*arguments, **named)

    def _alone(self, bound: Mapping[str, object]) -> tuple[Any, ...]:
        """The encodings of one prompt, kept from an earlier batch if there was one with it."""
        key = repr(sorted(bound.items()))
        if key not in self.known:
            self.known[key] = tuple(self.encode(**bound))
        self.known.move_to_end(key)
        while len(self.known) > KEPT:
            self.known.popitem(last=False)
        return self.known[key]


def _alike(parts: Sequence[Any]) -> bool:
    """Whether the same part of several encodings can be put together: absent in all, or arrays of one shape."""
    if all(isinstance(part, torch.Tensor) for part in parts):
        return len({part.shape for part in parts}) == 1
    return all(part is None for part in parts)


def _joined(parts: Sequence[Any]) -> Any:
    """Arrays of one row each as the rows of one; positions of tokens, which all prompts share, as they are."""
    if parts[0] is None or parts[0].shape[0] != 1:
        return parts[0]
    return torch.cat(list(parts))
