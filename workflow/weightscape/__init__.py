"""Weightscape: how the diversity of training data shapes the weights of a neural network.

    import weightscape as ws

The face of the library, of which each function is imported when it is used: `spectra`, `esd`, `summary`, `plot_esd`,
`vendi`, `diversity`, `choose`, `reanalyse`, `load_study`, and `UserError`, which they raise. Two of them bear the name
of a package; packages are still imported by their path, as in `from weightscape.spectra.table import measure`.
"""

import importlib as _importlib
import sys as _sys
from types import ModuleType as _ModuleType

__version__ = "0.2.0"

_MODULES = {
    "spectra": "library.networks",
    "esd": "library.networks",
    "summary": "library.views",
    "plot_esd": "library.views",
    "vendi": "library.image_sets",
    "diversity": "library.image_sets",
    "choose": "library.choosing",
    "reanalyse": "library.results",
    "load_study": "library.results",
    "UserError": "errors",
}
"""The module of each name of the face."""

__all__ = list(_MODULES)  # pyright: ignore[reportUnsupportedDunderAll]


class _Face(_ModuleType):
    """The package as a module, whose names of the face come from their own modules, before packages of that name."""

    def __getattribute__(self, name: str) -> object:
        if name not in _MODULES:
            return super().__getattribute__(name)
        face = getattr(_importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
        package = super().__getattribute__("__dict__").get(name)
        if isinstance(package, _ModuleType):  # so that `import weightscape.spectra.table as table` finds it
            face.__dict__.update({key: value for key, value in vars(package).items() if isinstance(value, _ModuleType)})
        return face

    def __dir__(self) -> list[str]:
        """The face and the names of every module; without the packages that happen to be imported."""
        return sorted({*__all__, *(name for name in super().__dir__() if name.startswith("__"))})


_sys.modules[__name__].__class__ = _Face
