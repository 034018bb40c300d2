"""Hooks of mkdocs: pages that lie outside of workflow/docs join the site, and links lead to where they are then."""

import re
from pathlib import Path

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "workflow" / "docs"
PAGES = {
    "README.md": "index.md",
    "workflow/report/methods.md": "methods.md",
    "workflow/profiles/slurm/README.md": "slurm.md",
}
"""Pages outside of workflow/docs, by their name in the site."""
LINK = re.compile(r'(\]\(|src=")([^)"#:]+)([)"#])')


def on_files(files, config):
    """Adds the other pages, and every file that a page links to."""
    for source, name in PAGES.items():
        files.append(File.generated(config, name, content=(ROOT / source).read_text(encoding="utf-8")))
    sources = [*(ROOT / source for source in PAGES), *DOCS.glob("*.md")]
    linked = {place for source in sources for place in _linked(source)}
    for place in sorted(linked):
        if place.is_file() and place.suffix != ".md" and not place.is_relative_to(DOCS):
            files.append(File.generated(config, f"files/{place.relative_to(ROOT)}", abs_src_path=str(place)))
    return Files(list(files))


def on_page_markdown(markdown, page, config, files):
    """Turns the links of a page to those of the site."""
    names = {name: ROOT / source for source, name in PAGES.items()}
    source = names.get(page.file.src_uri, DOCS / page.file.src_uri)

    def turned(match: re.Match[str]) -> str:
        place = (source.parent / match[2]).resolve()
        return f"{match[1]}{_in_site(place) or match[2]}{match[3]}"

    return LINK.sub(turned, markdown)


def _linked(source: Path) -> list[Path]:
    return [(source.parent / link).resolve() for _, link, _ in LINK.findall(source.read_text(encoding="utf-8"))]


def _in_site(place: Path) -> str | None:
    """The place of a file of the project in the site; None for what is none."""
    if not place.is_file() or not place.is_relative_to(ROOT):
        return None
    name = str(place.relative_to(ROOT))
    return PAGES.get(name) or (str(place.relative_to(DOCS)) if place.is_relative_to(DOCS) else f"files/{name}")
