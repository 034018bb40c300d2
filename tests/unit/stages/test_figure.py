"""Each figure draws from any study, names its axes, and embeds its fonts."""

import functools
import importlib
import json
import re
import zlib
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from unit.figures import legible, made_tables
from weightscape.errors import UserError
from weightscape.figures.parts import style
from weightscape.project import CAPTIONS
from weightscape.stages import figure as stage

pytestmark = pytest.mark.slow

NAMES = tuple(stage.names())


FEW = ("dropout", "synthetic_add", "sharpness")  # the last is unknown to the style


@pytest.fixture(scope="module")
def whole() -> dict[str, pd.DataFrame]:
    return made_tables.study(layers=12)


@pytest.fixture(scope="module")
def small() -> dict[str, pd.DataFrame]:
    return made_tables.study(layers=4, families=FEW)


@pytest.fixture(scope="module")
def one_seed() -> dict[str, pd.DataFrame]:
    return made_tables.study(seeds=1, layers=4, families=FEW)


@pytest.fixture(scope="module")
def twice(small) -> dict[str, pd.DataFrame]:
    """The small study on two data sets."""
    one = small | {"samples": made_tables.study(layers=1, families=("augment",))["samples"]}
    return {key: pd.concat([table, table.assign(dataset="letters")], ignore_index=True) for key, table in one.items()}


@pytest.fixture(scope="module")
def holes(small) -> dict[str, pd.DataFrame]:
    """The small study with every third number missing."""
    found = {key: table.copy() for key, table in small.items()}
    for table in found.values():
        numbers = [column for column in table.select_dtypes("floating") if column not in ("number", "guidance")]
        table.loc[table.index[::3], numbers] = np.nan
    return found


@pytest.fixture(scope="module")
def laid_out(twice) -> Callable[[str], tuple[Figure, list[str]]]:
    """A figure of two data sets after its layout, and the faults of its words."""

    @functools.cache
    def found(name: str) -> tuple[Figure, list[str]]:
        figure = drawn(name, twice)
        return figure, legible.faults(figure)

    return found


def drawn(name: str, tables: dict[str, pd.DataFrame]) -> Figure:
    """A figure that is given nothing but the tables it names."""
    module = importlib.import_module(f"weightscape.figures.{name}")
    return module.draw({table: tables[table] for table in module.TABLES})


@pytest.mark.parametrize("name", NAMES)
def test_no_words_overlap_or_leave_the_page(name, whole):
    assert legible.faults(drawn(name, whole)) == []


@pytest.mark.parametrize("name", NAMES)
def test_tables_of_five_rows_draw(name, whole):
    assert legible.faults(drawn(name, {table: rows.head(5) for table, rows in whole.items()})) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_study_of_one_seed_with_few_and_unknown_families_draws(name, one_seed):
    assert legible.faults(drawn(name, one_seed)) == []


@pytest.mark.parametrize("name", NAMES)
def test_several_data_sets_get_a_block_each(name, laid_out):
    figure, faults = laid_out(name)
    assert faults == []
    if name not in ("claims", "effects_by_setup"):  # one picture for all data sets
        assert [block.get_suptitle().split(",")[0] for block in figure.subfigs] == ["digits", "letters"]


@pytest.mark.parametrize("name", NAMES)
def test_missing_values_draw_and_empty_tables_say_so(name, small, holes):
    drawn(name, holes).draw_without_rendering()
    empty = drawn(name, {key: table.head(0) for key, table in small.items()})
    assert re.match(r"(No|This) .*\.$", empty.texts[0].get_text())


UNITS = {
    r"accuracy|ECE|confidence|share of eigenvalues|^change of": r"\(%\)",
    "robustness|relative change": r"points\)",
    "cluster entropy": r"\(nats\)",
    "norm": "log₁₀",
}
"""What the words for a quantity on an axis must be followed, or preceded, by."""


@pytest.mark.parametrize("name", NAMES)
def test_every_axis_with_numbers_says_what_they_are(name, laid_out):
    figure, _ = laid_out(name)
    assert [fault for block in figure.subfigs for fault in unlabelled(block, name)] == []


@pytest.mark.parametrize("name", NAMES)
def test_labels_of_axes_have_their_units(name, laid_out):
    figure, _ = laid_out(name)
    labels = {text for axes in figure.axes for text in (axes.get_xlabel(), axes.get_ylabel())}
    labels |= {block.get_supylabel() for block in figure.subfigs}
    assert [
        label
        for label in labels
        for quantity, unit in UNITS.items()
        if re.search(quantity, label) and not re.search(unit, label)
    ] == []


def unlabelled(block, name):
    """The axes of a block that show numbers but have no label, nor a neighbour that labels them."""
    shown = [axes for axes in block.axes if axes.axison and not axes.images and axes.get_subplotspec() is not None]
    in_words = {text.get_text().replace("\n", " ") for axes in block.axes for text in axes.texts}
    for axes in shown:
        place = axes.get_subplotspec()
        row = [one for one in shown if one.get_subplotspec().rowspan == place.rowspan]
        column = [one for one in shown if one.get_subplotspec().colspan == place.colspan]
        if numbers(axes.yaxis) and not block.get_supylabel() and not any(one.get_ylabel() for one in row):
            yield f"y of {place}"
        of_doses = in_words & {style.look(family).axis for family in FEW}
        if numbers(axes.xaxis) and not of_doses and not any(one.get_xlabel() for one in row + column):
            yield f"x of {place}"


def numbers(axis):
    """The numbers beside an axis."""
    return [text.get_text() for text in axis.get_ticklabels() if re.search(r"^\W?\d", text.get_text())]


@pytest.mark.parametrize("name", NAMES)
def test_the_pdf_embeds_its_fonts_as_outlines(name, small, tmp_path):
    content = style.save(drawn(name, small), tmp_path / name)[0].read_bytes()
    objects = content + b"".join(_inflated(part) for part in content.split(b"stream\n")[1:])
    assert b"/FontFile2" in objects
    assert b"/Type3" not in objects


def _inflated(part: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(part)
    except zlib.error:
        return b""


@pytest.mark.parametrize("name", NAMES)
def test_widths_are_those_of_a_paper(name, laid_out):
    assert laid_out(name)[0].get_size_inches()[0] in (style.COLUMN, style.PAGE)


@pytest.mark.process
def test_the_program_writes_the_same_bytes_twice_and_a_record(small, tmp_path):
    for table in importlib.import_module("weightscape.figures.accuracy_by_dose").TABLES:
        small[table].to_parquet(tmp_path / f"{table}.parquet")
    arguments = ["--name", "accuracy_by_dose", "--tables", str(tmp_path), "--settings", "{}", "--out"]
    stage.main([*arguments, str(tmp_path / "one" / "accuracy_by_dose")])
    stage.main([*arguments, str(tmp_path / "two" / "accuracy_by_dose")])
    for ending in ("pdf", "png"):
        one, two = (tmp_path / which / f"accuracy_by_dose.{ending}" for which in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()
    record = json.loads((tmp_path / "one" / "accuracy_by_dose.json").read_text())
    assert sorted(record["outputs"]) == ["accuracy_by_dose.pdf", "accuracy_by_dose.png"]
    assert sorted(record["inputs"]) == ["conditions.parquet", "evaluation.parquet"]


def test_an_unknown_figure_is_refused_with_the_known_names(tmp_path):
    arguments = [
        "--name",
        "pie",
        "--tables",
        str(tmp_path),
        "--out",
        str(tmp_path / "pie"),
        "--settings",
        "{}",
    ]
    with pytest.raises(UserError, match=r"'pie' is unknown; choose one of .*esd"):
        stage.main(arguments)


def test_each_figure_has_a_caption_of_a_statement_and_its_error_bars():
    captions = CAPTIONS
    assert {path.stem for path in captions.glob("*.md")} >= set(NAMES)
    for name in set(NAMES) - {"synthetic_samples", "seen_samples"}:
        assert "rror bars" in (captions / f"{name}.md").read_text()
