"""Keys of a person's YAML: each once in a block, and each the text that it looks like."""

import itertools
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from weightscape.errors import UserError
from weightscape.formats.json_yaml import read_users_yaml


def nested(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(values, max_size=3) | st.dictionaries(st.text(), values, max_size=3)


NAMES = [
    "a",
    "b",
    "off",
    "010",
    "1_0",
    "no",
    "yes",
    "0.3",
    "5",
    "null",
    "2024-01-01",
    "1e3",
    "~",
    "0x1f",
    "weak",
    "1.50",
]


TWICE = [
    "a: 1\nb: 2\na: 3\n",
    "x: {a: 1, a: 2}\n",
    "x:\n  - {b: 1, 'b': 2}\n",
    "x: [[{b: 1, b: 2}]]\n",
    "x: {1: a, 1.0: b}\n",
    "x: {5: a, '5': b}\n",
    "a: &name b\n*name : 1\nb: 2\n",
    "x: {<<: {b: 1, b: 2}}\n",
    "x: {<<: [{b: 1, b: 2}]}\n",
    "x: &x {a: 1}\ny: {<<: *x, <<: *x}\n",
    '{"a": 1, "a": 2}',
    '{\n\t"a": {"b": 1,\n\t"b": 2}}',
]


@pytest.mark.parametrize("text", TWICE)
def test_a_key_that_stands_twice_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "study.yaml").write_text(text)
    with pytest.raises(UserError, match=r"has the key .* twice(, on the lines| in one block)"):
        read_users_yaml(tmp_path / "study.yaml", "the config")


BLOCKS = st.recursive(
    st.integers(0, 9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcdef"), inner, min_size=1, max_size=4)
    ),
    max_leaves=12,
)


def written(value: Any, twice: Any) -> str:
    """YAML of a value, with the first key of the block `twice` once more at its end."""
    if isinstance(value, list):
        return f"[{', '.join(written(item, twice) for item in value)}]"
    if not isinstance(value, dict):
        return str(value)
    pairs = [f"{key}: {written(inner, twice)}" for key, inner in value.items()]
    return f"{{{', '.join([*pairs, *(pairs[:1] if value is twice else [])])}}}"


def blocks_in(value: Any) -> list[dict[str, Any]]:
    """Every block in a value."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [*([value] if isinstance(value, dict) else []), *(block for inner in inside for block in blocks_in(inner))]


@given(value=st.dictionaries(st.sampled_from("abc"), BLOCKS, min_size=1), data=st.data())
def test_a_key_that_stands_twice_at_any_depth_is_refused(value: dict[str, Any], data: st.DataObject) -> None:
    twice = data.draw(st.sampled_from(blocks_in(value)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "study.yaml")
        path.write_text(written(value, None))
        assert read_users_yaml(path, "the config") == value
        path.write_text(written(value, twice))
        with pytest.raises(UserError, match=f"has the key '{next(iter(twice))}'.* twice, on the lines"):
            read_users_yaml(path, "the config")


@given(names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True))
def test_every_key_that_is_accepted_is_the_text_in_the_file(
    names: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("yaml") / "study.yaml"
    path.write_text("block:\n" + "".join(f"  {name}: 1\n" for name in names))
    try:
        read = read_users_yaml(path, "the config")
    except UserError as fault:
        assert "write it in quotes" in str(fault)
        keys = [next(iter(yaml.safe_load(f"{name}: 1"))) for name in names]
        assert any(type(key) is not str for key in keys)
    else:
        assert [str(key) for key in read["block"]] == names


@pytest.mark.parametrize("value", ["010", "1:30", "1:30.5", "-007", "2024-01-01", ".nan", ".inf", "!!binary aaaa"])
@pytest.mark.parametrize("form", ["block: {{steps: {}}}", "block:\n  steps: [1, {}]", "- {{x: {}}}"])
def test_a_value_that_yaml_reads_as_another_is_refused(tmp_path: Path, value: str, form: str) -> None:
    (tmp_path / "study.yaml").write_text(form.format(value))
    with pytest.raises(UserError, match=r"(steps(\[1\])?|x) = .* on line [12], which YAML reads as .*: write a plain"):
        read_users_yaml(tmp_path / "study.yaml", "the config")
    quoted = form.format(f"'{value.removeprefix('!!binary ')}'")
    (tmp_path / "study.yaml").write_text(quoted)
    assert read_users_yaml(tmp_path / "study.yaml", "the config") == yaml.safe_load(quoted)


@given(
    st.one_of(
        st.integers().map(str),
        st.floats(allow_nan=False, allow_infinity=False).map(str).filter(lambda text: "e" not in text),
        st.tuples(st.integers(1, 9), st.integers(0, 999)).map("{0[0]}_{0[1]:03d}".format),
        st.floats(1e-300, 1e300).map("{:.3e}".format),
        st.integers(0).map(hex),
        st.sampled_from(["0", "-0", "+5", ".5", "5.", "-.5e-3", "true", "no", "null", "text"]),
    )
)
def test_numbers_as_people_write_them_are_taken(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "study.yaml")
        path.write_text(f"a: {text}")
        assert read_users_yaml(path, "the config") == yaml.safe_load(f"a: {text}")


def test_anchors_and_merged_blocks_are_no_keys_twice(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("x: &x {a: 1}\ny: {<<: *x, a: 2}\n")
    assert read_users_yaml(tmp_path / "study.yaml", "the config")["y"] == {"a": 2}


def test_a_word_in_a_merged_block_is_refused_and_a_block_within_itself(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text("x: {<<: {off: 1}}\n")
    with pytest.raises(UserError, match=r"has the key off in x\.<< on line 1"):
        read_users_yaml(path, "the config")
    path.write_text("x: &x {a: [1, *x]}\n")
    with pytest.raises(UserError, match=r"has x.a\[1\], which holds itself: write out"):
        read_users_yaml(path, "the config")


def test_a_block_that_is_named_a_million_times_is_looked_through_once(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    names = "abcdefghijklmnopqrst"
    path.write_text("a: &a [x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in itertools.pairwise(names)))
    assert len(read_users_yaml(path, "the config")) == 20


@given(st.recursive(st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(), nested, max_leaves=8))
def test_json_is_read_as_it_is_written(value: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "study.json")
        path.write_text(json.dumps({"a": value}, indent="\t"))
        assert read_users_yaml(path, "the config") == {"a": value}


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le", "utf-32"])
def test_a_file_in_another_encoding_is_said_with_what_to_do(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_bytes("study:\n  name: é\n".encode(encoding))
    with pytest.raises(UserError, match=r"study.yaml is not UTF-8 .*: save it as UTF-8$"):
        read_users_yaml(path, "a study")
