"""Pages are put together here: a template with its context, and pictures with their captions."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from weightscape.errors import UserError


@dataclass(frozen=True)
class Picture:
    """A figure with its caption, whose first paragraph is the statement that the figure supports."""

    name: str
    statement: str
    paragraphs: list[str]
    png: str  # base64
    width: int  # pixels
    height: int


def render(template: Path, context: Mapping[str, object]) -> str:
    """The page from its template; a variable that is missing is an error."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template.name).render(context)


def picture(name: str, png: Path, caption: Path) -> Picture:
    """A figure from its files."""
    for path, remedy in ((png, "run its figure"), (caption, "write its caption")):
        if not path.is_file():
            raise UserError(f"{path} does not exist: {remedy}, or take {name!r} out of the config's figures")
    content = png.read_bytes()
    statement, *paragraphs = [" ".join(part.split()) for part in caption.read_text().strip().split("\n\n")]
    width, height = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))  # from the PNG's header
    return Picture(name, statement, paragraphs, base64.b64encode(content).decode(), width, height)
