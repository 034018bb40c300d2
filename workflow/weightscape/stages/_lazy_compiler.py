"""torch's compiler, imported only when something asks for it.

`import timm` reaches it through torchvision's `roi_align`, diffusers through its markers for the compiler, and the
first step of any optimiser imports it too: 2 s of each process, although nothing is compiled. Two stand-ins answer the
questions that are asked without a compiler; everything else imports the real module and hands over to it.
"""

import importlib
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

NAMES = ("torch._dynamo", "torch._dynamo.utils")


class StandIn(ModuleType):
    """A module that becomes the real one at the first question that it cannot answer."""

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):  # inspect asks every module for `__file__`
            raise AttributeError(attribute)
        return getattr(real(self.__name__), attribute)


class Path(list[str]):
    """The place of the compiler's submodules; who looks there needs the real module."""

    def __iter__(self) -> Iterator[str]:
        return iter(real(NAMES[0]).__path__)


def real(name: str) -> ModuleType:
    """The real module, imported in place of its stand-in."""
    for known in NAMES:
        if isinstance(sys.modules.get(known), StandIn):
            del sys.modules[known]
    return importlib.import_module(name)


def install() -> None:
    """Put the stand-ins in place, unless the compiler is imported already."""
    if any(name in sys.modules for name in NAMES):
        return
    compiler, utilities = (StandIn(name) for name in NAMES)
    vars(compiler).update(__path__=Path(), utils=utilities)
    vars(compiler).update(graph_break=lambda: None, disable=_as_it_is, allow_in_graph=_as_it_is)
    vars(utilities).update(is_compile_supported=lambda device: real(NAMES[1]).is_compile_supported(device))
    sys.modules.update(zip(NAMES, (compiler, utilities), strict=True))


def _as_it_is(function: Any = None, *_: Any, **__: Any) -> Any:
    """`disable` and `allow_in_graph` of `torch._dynamo` where nothing is compiled, as functions or decorators."""
    return _as_it_is if function is None else function
