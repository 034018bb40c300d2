"""`weightscape reanalyse` from the outside: its files, and what it says of tables that cannot be used."""

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml

import unit.published.made_folders as made
from weightscape.cli import main
from weightscape.errors import UserError
from weightscape.project import ROOT
from weightscape.published import analysis, conditions

pytestmark = pytest.mark.slow

PATTERNS = ("{dataset}/{condition}.after.csv", "{dataset}/{condition}.before.csv")
LAYERS = {"cats": [1, 2, 3, 4], "dogs": [1, 2, 3, 9]}


def name(dataset: str, condition: str, role: str) -> str:
    return f"{dataset}/{condition}.{role}.csv"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "conditions.yaml").write_text(yaml.safe_dump(made.content(*PATTERNS), sort_keys=False))
    return made.write(tmp_path / "tables", made.tables(LAYERS), name)


def reanalyse(folder: Path) -> int:
    where = folder.parent
    return main(["reanalyse", str(folder), "--conditions", str(where / "conditions.yaml"), "--out", str(where / "out")])


def analysed(folder: Path) -> tuple[set[tuple[str, str]], list[str]]:
    """The (data set, condition) that have effects, and the gaps."""
    results, _ = analysis.analyse(folder, conditions.read(folder.parent / "conditions.yaml"), made.OPTIONS)
    pairs = zip(results.effects["dataset"], results.effects["dose"], strict=True)
    return {pair for pair in pairs if pair[1] != "baseline"}, list(results.gaps["sentence"])


def test_it_writes_tables_figures_and_a_page_that_opens_offline(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reanalyse(folder) == 0
    out = folder.parent / "out"
    for table in ("published", "effects", "run_effects", "similarity", "exclusions", "gaps"):
        assert list(pd.read_parquet(out / f"{table}.parquet")) == list(pd.read_csv(out / f"{table}.csv"))
    assert len(list((out / "figures").glob("*.pdf"))) == len(list((out / "figures").glob("*.png"))) == 5
    page = (out / "index.html").read_text()
    assert page.count("data:image/png;base64,") == 5 and not re.search(r"(src|href)=\"(?!data:|#)", page)
    printed = capsys.readouterr()
    assert "28 tables read" in printed.out
    assert not list(out.rglob("*.tmp"))
    assert set(pd.read_csv(out / "similarity.csv")["verdict"]) == {"undecided: no replicates"}
    said = [gap for gap in pd.read_csv(out / "gaps.csv")["sentence"] if "where a test needs two" in gap]
    assert len(said) == 6 and any(gap.startswith("dogs: one run of w1e-4, the baseline plain (decay)") for gap in said)
    assert all(f"gap: {gap}" in printed.err and gap in page for gap in said)


def without_column(path: Path) -> None:
    pd.read_csv(path).drop(columns="entropy").to_csv(path, index=False)


def with_word(path: Path) -> None:
    pd.read_csv(path).assign(alpha="high").to_csv(path, index=False)


def twice(path: Path) -> None:
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))


def cut(path: Path) -> None:
    packed = gzip.compress(path.read_bytes())
    path.unlink()
    path.with_name(path.name + ".gz").write_bytes(packed[: len(packed) // 2])


def damaged(path: Path) -> None:
    packed = bytearray(gzip.compress(path.read_bytes()))
    path.unlink()
    packed[40:80] = bytes(255 - each for each in packed[40:80])
    path.with_name(path.name + ".gz").write_bytes(packed)


def emptied(path: Path) -> None:
    path.write_text("")


def headed(path: Path) -> None:
    path.write_text(path.read_text().splitlines()[0] + "\n")


def doubled(path: Path) -> None:
    path.write_text(path.read_text() + path.read_text().splitlines()[1] + "\n")


FAULTS: tuple[tuple[str, Callable[[Path], object], str], ...] = (
    ("after", without_column, r"'NAME' .*PLACE\.after\.csv lacks the column entropy"),
    ("after", with_word, r"PLACE\.after\.csv has 'high' in the column alpha"),
    ("after", twice, r"'NAME' has 2 tables after training \(PLACE\.after\.csv, PLACE\.after\.csv\.gz\)"),
    ("before", twice, r"'NAME' has 2 tables before training"),
    ("before", Path.unlink, r"PLACE\.after\.csv has no table before training"),
    ("after", cut, r"PLACE\.after\.csv\.gz is not a whole csv table"),
    ("after", damaged, r"PLACE\.after\.csv\.gz is not a whole csv table"),
    ("after", emptied, r"PLACE\.after\.csv is not a whole csv table"),
    ("after", headed, r"PLACE\.after\.csv has no rows"),
    ("after", doubled, r"PLACE\.after\.csv has the layer_id 1 twice"),
)
"""Of a table before or after training: how it is spoiled, and the sentence with its condition and place."""


def test_bad_tables_are_named_and_the_rest_is_analysed(folder: Path) -> None:
    every = [(dataset, condition) for doses in made.FAMILIES.values() for condition in doses for dataset in LAYERS]
    for (dataset, condition), (role, spoil, _) in zip(every, FAULTS, strict=False):
        spoil(folder / name(dataset, condition, role))
    done, gaps = analysed(folder)
    for (dataset, condition), (_, _, sentence) in zip(every, FAULTS, strict=False):
        message = sentence.replace("NAME", re.escape(condition)).replace("PLACE", re.escape(f"{dataset}/{condition}"))
        said = [gap for gap in gaps if re.search(message, gap)]
        assert len(said) == 1 and "\n" not in said[0], (message, gaps)
    assert done == set(every[len(FAULTS) :]) and len(done) == 2


@pytest.mark.parametrize("spoil", [without_column, Path.unlink])
def test_a_condition_without_its_baseline_is_left_out_and_listed(folder: Path, spoil: Callable[[Path], object]) -> None:
    spoil(folder / "dogs" / "plain.after.csv")
    done, gaps = analysed(folder)
    assert any("dogs: the baseline 'plain' has no usable tables, so that 6 conditions were left out" in g for g in gaps)
    assert {dataset for dataset, _ in done} == {"cats"}


def test_a_condition_without_tables_and_files_of_none_are_listed(folder: Path) -> None:
    for role in ("before", "after"):
        (folder / "cats" / f"m2.{role}.csv").unlink()
    (folder / "cats" / "notes.csv").write_text("a\n1\n")
    gaps = analysed(folder)[1]
    assert "cats: m2 of family 'mix' have no tables" in gaps
    assert "1 of 27 csv files belong to no condition and were not read: cats/notes.csv" in gaps


def test_nothing_to_analyse_is_an_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for dataset in LAYERS:
        without_column(folder / dataset / "plain.before.csv")
    assert reanalyse(folder) == 1
    error = capsys.readouterr().err
    assert "holds nothing that can be analysed" in error and "lacks the column entropy" in error
    assert error.count("\n") == 1 and not (folder.parent / "out").exists()


@pytest.mark.parametrize(("where", "words"), [("empty", "holds no table after training"), ("none", "is no folder")])
def test_a_folder_without_tables_is_an_error(
    folder: Path, capsys: pytest.CaptureFixture[str], where: str, words: str
) -> None:
    (folder.parent / "empty").mkdir()
    assert reanalyse(folder.parent / where) == 1
    assert words in capsys.readouterr().err


TWO = {"augment": ["m1", "m2", "m3"], "rest": ["d.1", "d.5", "w1e-4"]}
CONTENTS = {
    "a key that is unknown": ({"familys": {}}, "unknown key 'familys' in the top level; did you mean 'families'"),
    "no place for the condition": ({"after": "{dataset}.csv"}, r"after = .* has no \{condition\}"),
    "an unknown placeholder": ({"after": "{condition}_{run}.csv"}, r"placeholder \{run\}; allowed are \{dataset\}"),
    "a further placeholder": ({"before": "{suffix}/{condition}.csv"}, r"before = .* has \{suffix\}, which after"),
    "the same name twice": ({"before": PATTERNS[0]}, "must find different files"),
    "another ending": ({"after": "{condition}.txt"}, r"must end in \.csv or \.csv\.gz"),
    "a baseline that is pooled": ({"baseline": "m1"}, "families.mix holds its own baseline 'm1'"),
    "a family without baseline": ({"baseline": {"mix": "plain"}}, "baseline names none for the family 'drop'"),
    "a dose in words": ({"families": {"a": {"m1": "1e-5"}}}, "is text in YAML; write a number with a dot"),
    "a condition in two families": ({"families": {"a": {"m1": 1}, "b": {"m1": 1}}}, "name the condition 'm1' twice"),
    "a group of strangers": ({"groups": {"augment": ["m9"]}}, "groups name the condition 'm9'"),
    "a group of two baselines": (
        {"baseline": {"mix": "plain", "drop": "plain", "decay": "other"}, "groups": TWO},
        "groups.rest holds 'd.1' with the baseline 'plain' and 'w1e-4' with the baseline 'other'; .* make two groups",
    ),
    "a group that lacks one": ({"groups": {"augment": ["m1"]}}, "groups do not hold the condition 'm2'"),
}


@pytest.mark.parametrize("fault", CONTENTS)
def test_a_fault_of_the_conditions_file_is_one_sentence(tmp_path: Path, fault: str) -> None:
    change, message = CONTENTS[fault]
    (tmp_path / "conditions.yaml").write_text(yaml.safe_dump(made.content(*PATTERNS) | change, sort_keys=False))
    with pytest.raises(UserError, match=message) as caught:
        conditions.read(tmp_path / "conditions.yaml")
    assert str(caught.value).startswith(f"{tmp_path / 'conditions.yaml'}: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize("written", ["0.00005", "010", "1", "1_000", "true", "0x1F", "2024-01-01", "~"])
def test_a_condition_is_called_as_it_is_written(tmp_path: Path, written: str) -> None:
    path = tmp_path / "conditions.yaml"
    content = yaml.safe_dump(made.content(*PATTERNS) | {"families": {"a": {"NAME": 1.0, "other": 2.0}}})
    path.write_text(content.replace("NAME", written))
    assert conditions.read(path).families["a"] == (written, "other")


def test_a_conditions_file_that_is_missing_or_no_yaml_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        conditions.read(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_text("a: [")
    with pytest.raises(UserError, match="is not valid YAML"):
        conditions.read(tmp_path / "bad.yaml")


def test_the_example_reads_the_toy_tables() -> None:
    studies = ROOT / "workflow" / "studies" / "published"
    results, inputs = analysis.analyse(studies / "toy", conditions.read(studies / "conditions.yaml"), made.OPTIONS)
    assert len(inputs) == 8 and set(results.published["family"].dropna()) == {"div", "dp", "wd"}
