"""Names the modules that a job of stage 1 imports by the source in its settings.

The digest of the job's code covers these modules and no others: a change of one source makes no other source stale.
"""

import importlib
from collections.abc import Mapping
from types import ModuleType
from typing import Any


def of_split(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The module that writes a split, and the modules of the sources that it reads."""
    images = settings["images"]
    if images["kind"] in ("packaged", "packaged_shift"):
        return ("data.digits",)
    sources = [images["source"]["kind"], images.get("shift", {"kind": "domain"})["kind"]]
    return ("data.writing", *dict.fromkeys(_name(source) for source in sources if source != "domain"))


def of_fetch(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The module that downloads an asset of this kind."""
    return (f"data.fetch_{settings['kind']}",)


def module(source: str) -> ModuleType:
    """The module of a source."""
    return imported(_name(source))


def imported(name: str) -> ModuleType:
    """A module of the package by its name below it."""
    return importlib.import_module(f"weightscape.{name}")


def _name(source: str) -> str:
    """The module of a source has its name; only that of torchvision may not hide the library."""
    return f"data.{'torchvision_sets' if source == 'torchvision' else source}"
