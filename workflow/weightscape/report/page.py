"""The report: one self-contained page of findings in words, an explorer, figures with captions, tables, and origin."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weightscape import words
from weightscape.figures.parts import style
from weightscape.formats.json_yaml import read_json
from weightscape.metrics import table_schema
from weightscape.report import answer, claims, downloads, explorer, origin, sheets, summary
from weightscape.report.rendering import Picture, picture, render
from weightscape.report.settings import CHAPTERS, FURTHER, ReportSettings

SHOWN = (*explorer.TABLES, *summary.TABLES, "claims", "tests", "signature")
"""Tables that the page is made of, beside those that it offers."""
CHOICES = {
    "dataset": "Data set",
    "backbone": "Backbone",
    "family": "Intervention (family)",
    "dose": "Dose",
    "metric": "Spectral metric",
    "source": "Measured on",
    "layer": "Layer",
    "outcome": "Outcome",
}
PANELS = (
    (
        "effect",
        "Effect against dose",
        "Large marks: mean with its {interval}, as difference from the family's own "
        "baseline; small dots: single runs (for means over layers and the head). Diamond: the chosen dose. Norms are "
        "squared Frobenius norms.",
    ),
    (
        "layers",
        "Effect by layer",
        "Mean over runs with its {interval} at the chosen dose. The head is left out: it "
        "moves far more; choose it under Layer.",
    ),
    (
        "spectrum",
        "Spectrum of the weights",
        "Eigenvalues of W\u1d40W, pooled over seeds. Dotted: edges of the "
        "Marchenko-Pastur law of the last spectrum named, beyond which noise of its variance has no eigenvalues.",
    ),
    ("update", "Spectrum of the update", "The same for the difference of the weights after and before training."),
    (
        "outcome",
        "Outcome against dose",
        "Mean with its {interval} (Student's t); grey: that of the baseline. Small dots: single runs.",
    ),
    ("samples", "What the network saw", ""),
)


@dataclass(frozen=True)
class Chapter:
    """A part of the page."""

    title: str
    pictures: list[Picture]
    sheets: list[sheets.Sheet]


def page(folder: Path, figures: Path, parts: Path, settings: ReportSettings) -> tuple[str, list[Path]]:
    """The page from the tables in `folder`, the PNGs in `figures` and the files in `parts`; and its source files."""
    from markupsafe import Markup

    read = dict.fromkeys([*SHOWN, *(name for name, _ in settings.tables)])
    tables = table_schema.load(folder, read)
    names = settings.figures
    pngs = [figures / f"{name}.png" for name in names]
    pictures = [picture(name, png, parts / "captions" / f"{name}.md") for name, png in zip(names, pngs, strict=True)]
    made_of = [path for name in read if (path := folder / f"{name}.parquet").is_file()] + pngs
    found = claims.claims(tables["claims"], tables["tests"])
    costs = origin.stages(folder, figures)
    blocks = explorer.blocks(tables, _recipes(settings.config or {}), settings.level)
    interval = words.interval(settings.level)
    context = {
        "title": settings.title,
        "summary": [
            *answer.sentences(found, tables["signature"]),
            *claims.summary(found),
            *summary.sentences(tables, settings.level),
        ],
        "interval": interval,
        "claims": found,
        "absent": {name: table.attrs["absent"] for name, table in tables.items() if "absent" in table.attrs}
        | ({} if "absent" in tables["claims"].attrs else {"claims": "the table of claims is empty"}),
        "choices": CHOICES,
        "panels": [
            {"name": name, "title": title, "note": note.format(interval=interval)} for name, title, note in PANELS
        ],
        "explorer": {name: Markup(_json(block)) for name, block in blocks.items()},
        "charts": Markup(_json(read_json(parts / "charts.json"))),
        "library": Markup(library()) if blocks else "",
        "script": Markup(_script((parts / "explorer.js").read_text())),
        "style": Markup((parts / "report.css").read_text()),
        "chapters": chapters(tables, pictures, interval),
        "methods": Markup(methods(parts)),
        "costs": origin.cost_rows(costs),
        "differences": settings.differences,
        "origin": origin.origin(costs, made_of),
        "config": _yaml(settings.config),
        "settings": json.dumps({"title": settings.title, "figures": settings.figures}, indent=1),
        "downloads": downloads.downloads(tables, settings.tables),
        "citation": next(map(origin.citation, origin.citation_files()), None),
    }
    return render(parts / "report.html.j2", context), made_of


def _json(value: object) -> str:
    """JSON that may stand in a script element."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _script(text: str) -> str:
    return text.replace("</script", "<\\/script")


def library() -> str:
    """Vega, Vega-Lite and vega-embed (BSD-3-Clause) as one script, from the package vl-convert-python."""
    import vl_convert

    return _script(vl_convert.javascript_bundle(None))  # pyright: ignore[reportArgumentType]


def methods(parts: Path) -> str:
    """methods.md as HTML, its headings below those of the page, and the columns of the spectra; empty without it."""
    from markdown_it import MarkdownIt

    path = parts / "methods.md"
    if not path.is_file():
        return ""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parse(path.read_text())
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + 2)}"
    html = reader.renderer.render(tokens, reader.options, {})
    return html.replace("<table>", '<div class="scroll" role="region" tabindex="0" aria-label="Table"><table>').replace(
        "</table>", "</table></div>"
    )


def _recipes(config: Mapping[str, Any]) -> dict[str, str]:
    """The recipe of every condition that trains on synthetic images, as family/dose."""
    return {
        f"{family}/{dose}": values["recipe"]
        for family, block in config.get("families", {}).items()
        for dose, values in block.get("doses", {}).items()
        if isinstance(values, Mapping) and "recipe" in values
    }


def _yaml(config: Mapping[str, Any] | None) -> str:
    import yaml

    return yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True, width=100) if config else ""


def chapters(tables: style.Tables, pictures: Sequence[Picture], interval: str) -> list[Chapter]:
    """Figures where CHAPTERS has them, others at the end, each chapter with its tables."""
    own = {
        "What the networks saw": [
            *([sheets.splits(tables["splits"])] if len(tables["splits"]) else []),
            sheets.quality(tables["quality"]),
            sheets.action(tables["runs"]),
        ],
        "Accuracy and calibration": [
            sheets.accuracy(tables["evaluation"]),
            sheets.accuracy_by_set(tables["evaluation"]),
        ],
        "The weights": [sheets.effect(tables["effect_intervals"], interval)],
    }
    named = [name for names in CHAPTERS.values() for name in names]
    further = tuple(picture.name for picture in pictures if picture.name not in named)
    return [
        Chapter(title, [picture for picture in pictures if picture.name in names], own.get(title, []))
        for title, names in (*CHAPTERS.items(), *([(FURTHER, further)] if further else []))
    ]
