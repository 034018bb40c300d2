"""The report: one self-contained page of findings in words, figures with captions, tables, and origin."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from weightscape.errors import UserError
from weightscape.figures import sheets, style

TABLES = ("runs", "evaluation", "run_effects", "quality")
CHAPTERS = {
    "What the networks saw": ("synthetic_samples", "seen_samples", "diversity_by_dose"),
    "Accuracy and calibration": ("accuracy_by_dose",),
    "The weights": ("effect_by_dose", "layer_effects", "family_similarity", "esd"),
}
FURTHER = "Further figures"


@dataclass(frozen=True)
class Picture:
    """A figure with its caption, whose first paragraph is the statement that the figure supports."""

    name: str
    statement: str
    paragraphs: list[str]
    png: str  # base64
    width: int  # pixels
    height: int


@dataclass(frozen=True)
class Chapter:
    """A part of the page."""

    title: str
    pictures: list[Picture]
    sheets: list[sheets.Sheet]


def render(template: Path, context: Mapping[str, Any]) -> str:
    """The page from its template; a variable that is missing is an error."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(template.read_text()).render(context)


def picture(name: str, png: Path, caption: Path) -> Picture:
    """A figure from its files."""
    for path, remedy in ((png, "run its figure"), (caption, "write its caption")):
        if not path.is_file():
            raise UserError(f"{path} does not exist: {remedy}, or take {name!r} out of the config's figures")
    content = png.read_bytes()
    statement, *paragraphs = [" ".join(part.split()) for part in caption.read_text().strip().split("\n\n")]
    width, height = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))  # from the PNG's header
    return Picture(name, statement, paragraphs, base64.b64encode(content).decode(), width, height)


def chapters(tables: style.Tables, pictures: Sequence[Picture]) -> list[Chapter]:
    """Figures where CHAPTERS has them, others at the end, each chapter with its tables."""
    own = {
        "What the networks saw": [sheets.quality(tables["quality"]), sheets.action(tables["runs"])],
        "Accuracy and calibration": [
            sheets.accuracy(tables["evaluation"]),
            sheets.accuracy_by_set(tables["evaluation"]),
        ],
        "The weights": [sheets.effect(tables["run_effects"])],
    }
    result = [
        Chapter(title, [picture for picture in pictures if picture.name in names], own[title])
        for title, names in CHAPTERS.items()
    ]
    named = {name for names in CHAPTERS.values() for name in names}
    further = [picture for picture in pictures if picture.name not in named]
    return [*result, Chapter(FURTHER, further, [])] if further else result


def summary(tables: style.Tables) -> list[str]:
    """What was run and found, one sentence each; every number is taken from the tables."""
    if tables["runs"].empty:
        return ["No run of this study is finished."]
    sentences = [size(tables["runs"])]
    for setup, effects in sheets.effects(tables["run_effects"]).groupby(list(style.SETUP), sort=True):
        rows = tables["evaluation"]
        rows = rows[(rows["dataset"] == setup[0]) & (rows["backbone"] == setup[1])]
        where = f"{setup[0]}, {setup[1]}: "
        sentences += [where + baseline(rows), where + moved(effects)]
    return [*sentences, *recognised(tables["quality"])]


def size(runs: style.Table) -> str:
    """How many networks, families, conditions and seeds."""
    conditions = runs.groupby(sheets.CONDITION)["seed"].nunique()
    setups = runs[list(style.SETUP)].drop_duplicates()
    what = "; ".join(f"{backbone} on {dataset}" for dataset, backbone in setups.itertuples(index=False))
    return (
        f"{len(runs)} networks were fine-tuned ({what}): {runs['family'].nunique()} families, "
        f"{len(conditions)} conditions, {style.seeds_in_words(conditions)} each."
    )


def baseline(evaluation: style.Table) -> str:
    """Accuracy of all baseline runs together."""
    rows = sheets.run_measures(evaluation[evaluation["dose"] == style.BASELINE])
    groups = rows.groupby("measure")["value"]
    mean, sd, n = groups.mean(), groups.std(), groups.count()
    parts = [
        f"{words} {sheets.spread(mean[name], sd[name], 1)} %"
        for name, words in {"test": "test accuracy", "ood": "mean OOD accuracy", "ece": "ECE"}.items()
        if name in mean
    ]
    runs = int(n.max()) if len(n) else 0
    return f"the baseline reaches {', '.join(parts)} (mean and s.d. of n = {runs} runs)." if runs else "no baseline."


def moved(effects: style.Table) -> str:
    """Which families' strongest dose moves the hidden log norm clear of zero, and which does not."""
    top = style.strongest(effects).set_index("family")
    families = style.ordered(top.index)
    known = [name for name in families if np.isfinite(top["half"][name])]
    clear = [name for name in known if abs(top["mean"][name]) > top["half"][name]]
    words = {name: f"{style.look(name).title} ({style.signed(top['mean'][name], 4)})" for name in families}
    rest = [words[name] for name in known if name not in clear]
    level = f"{100 * style.LEVEL:.0f} %"
    if not known:
        return "the intervals of the effects on the hidden log norm need at least two seeds of a condition."
    found = ", ".join(words[name] for name in clear) or "none"
    return (
        f"at each family's strongest dose, the {level} interval of the mean effect on the hidden "
        f"layers' log10 norm excludes zero for {found}"
        + (f", and includes it for {', '.join(rest)}" if rest else "")
        + " (not corrected for the number of families)."
    )


def recognised(quality: style.Table) -> list[str]:
    """The guidance whose images the judge recognises best, for each generator."""
    known = quality[quality["judge_accuracy"].notna()]
    if known.empty:
        return []
    best = known.loc[known.groupby(["dataset", "generator"])["judge_accuracy"].idxmax()]
    return [
        f"{row['dataset']}: the judge recognises {100 * row['judge_accuracy']:.1f} % of the synthetic images "
        f"at guidance {row['guidance']:g}, and {100 * row['judge_test_accuracy']:.1f} % of real test images."
        for row in best.to_dict("records")
    ]
