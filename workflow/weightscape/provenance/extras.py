"""The libraries that only an extra of pyproject.toml brings in, and the sentence that names it."""

import importlib.util

from weightscape.errors import UserError

_BROUGHT = {
    "figures": "matplotlib",
    "report": "psutil pyarrow vl_convert",
    "torch": "timm torch torchvision",
    "workflow": "datasets diffusers mlxtend snakemake sklearn transformers",
}
EXTRAS = {library: extra for extra, libraries in _BROUGHT.items() for library in libraries.split()}
"""The extra that brings a library in."""


def installed(library: str) -> bool:
    """Whether the library can be imported, without doing so."""
    return importlib.util.find_spec(library) is not None


def needed(library: str) -> str | None:
    """Names the extra that brings a library in, as `needs LIBRARY: pip install ...`; None where there is no such."""
    extra = EXTRAS.get(library.partition(".")[0])
    return extra and f"needs {library}: pip install 'weightscape[{extra}]'"


def require(library: str, thing: str) -> None:
    """Refuse `thing` in one sentence where the library that it needs is not installed."""
    if not installed(library):
        raise UserError(f"{thing} {needed(library)}")
