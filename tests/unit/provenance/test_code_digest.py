import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from weightscape.errors import UserError
from weightscape.project import PACKAGE
from weightscape.provenance import code_digest
from weightscape.stages import _program

SHARED = '"""Doc."""\nLIMIT = 3\n\n\ndef f(x):\n    """Doc."""\n    return x + LIMIT\n'
SHARED += "\n\ndef _refuse(x, wanted) -> NoReturn:\n    raise UserError(f'{x} is not {wanted}')\n"
STAGE = "def main():\n    from weightscape import shared\n    return shared.f(1)\n"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    root = tmp_path / "weightscape"
    (root / "stages").mkdir(parents=True)
    for folder in (root, root / "stages"):
        (folder / "__init__.py").write_text("")
    (root / "shared.py").write_text(SHARED)
    (root / "alien.py").write_text("x = 1\n")
    (root / "stages" / "one.py").write_text(STAGE)
    monkeypatch.setattr(code_digest, "PACKAGE", root)
    return root


def edited(path: Path, before: str, after: str) -> str:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))
    code_digest._read.cache_clear()
    return code_digest.code_digest("one")


def test_comments_docstrings_and_layout_mean_nothing(package: Path) -> None:
    first = code_digest.code_digest("one")
    assert edited(package / "shared.py", "LIMIT = 3", "# why three\nLIMIT  =  3") == first
    assert edited(package / "shared.py", '"""Doc."""\n    return', '"""Other words."""\n    return') == first
    assert edited(package / "alien.py", "1", "2") == first
    edited(package / "shared.py", "LIMIT  =  3", 'LIMIT = 3\n"""Why three."""')
    assert edited(package / "shared.py", "Why three", "In other words") == first


def test_a_constant_in_a_lazily_imported_module_counts(package: Path) -> None:
    first = code_digest.code_digest("one")
    assert edited(package / "shared.py", "LIMIT = 3", "LIMIT = 4") != first


def test_the_version_and_the_names_of_the_library_mean_nothing(package: Path) -> None:
    first = code_digest.code_digest("one")
    assert edited(package / "__init__.py", "", '__version__ = "9"\n') == first


def test_a_c_source_counts_that_lies_beside_the_module_and_is_named(package: Path) -> None:
    source = package / "shared.c"
    source.write_text('/* why\n three */\nint f(void) {\n    return 3; // three\n}\nconst char *g = "/* a */";\n')
    unnamed = code_digest.code_digest("one")
    assert edited(source, "return 3", "return 4") == unnamed
    first = edited(package / "shared.py", "LIMIT = 3", 'LIMIT = 3\nSOURCE = "shared.c"')
    assert first != unnamed
    assert edited(source, "why\n three", "in other words") == first
    assert edited(source, "    return 4; // three", "\n  return  4;") == first
    assert edited(source, "/* a */", "/* b */") != first
    second = edited(source, "return  4", "return  5")
    assert second != first
    source.unlink()
    assert edited(package / "alien.py", "1", "2") != second


def test_a_text_that_is_no_docstring_counts(package: Path) -> None:
    edited(package / "shared.py", "LIMIT = 3", 'NAME = "a"')
    first = code_digest.code_digest("one")
    assert edited(package / "shared.py", '"a"', '"b"') != first


@pytest.mark.parametrize(
    ("message", "reworded"),
    [
        ('raise UserError(f"{x} is too small: raise it")', 'raise UserError("take a larger number")'),
        ('raise UserError("a" + ", ".join(x)) from None', 'raise UserError("b" + "; ".join(x)) from None'),
        ('raise _idle("nothing moved")', 'raise _idle(f"only {x} moved")'),
        ('return errors.ValueError(f"{x}")', 'return errors.ValueError("a number")'),
        ('print(f"{x} images")', 'print("all images")'),
        ('print("slow", file=sys.stderr, flush=True)', 'print("very slow", file=sys.stderr, flush=True)'),
        ('parser.add_argument("--out", help="a folder")', 'parser.add_argument("--out", help=f"a new {x}")'),
        ('assert x, "none is there"', "assert x"),
        ('_refuse(x, "a number")', '_refuse(x, "a whole number")'),
        (
            'reason = f"{x} is small"; raise UserError(f"{reason}: raise it")',
            'reason = "low"; raise UserError(f"lift {reason}")',
        ),
        (
            'a = f"of {x.y}" if len(x) else ""; raise UserError(a)',
            'a = f"in {x.y}" if len(x) else "none"; raise UserError(a)',
        ),
        ('a = "x"; a += f"({len(x)})"; raise UserError(a)', 'a = "y"; a += f"of {len(x)}"; raise UserError(a)'),
        ('a = "x" if x else "y"; raise UserError("no " + a)', 'a = "z" if x else "w"; raise UserError("none " + a)'),
    ],
)
def test_the_text_of_a_message_means_nothing(package: Path, message: str, reworded: str) -> None:
    edited(package / "shared.py", "return x", f"if x > 2:\n        {message}\n    return x")
    first = code_digest.code_digest("one")
    assert edited(package / "shared.py", message, reworded) == first
    assert edited(package / "shared.py", "x > 2", "x > 3") != first


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('raise UserError("a", 1)', 'raise UserError("a", 2)'),
        ('raise UserError("a")', 'raise ValueError("a")'),
        ('raise Unreadable("no float")', 'raise Unreadable("no number")'),
        ('print("a", file=table)', 'print("b", file=table)'),
        ('parser.add_argument("--out", help="a")', 'parser.add_argument("--to", help="a")'),
        ('assert len("a")', 'assert len("b")'),
        ('_ask(x, "a")', '_ask(x, "b")'),
        ('gone = drop("a"); print(gone)', 'gone = drop("b"); print(gone)'),
        ('name = "a"; print(name); open(name)', 'name = "b"; print(name); open(name)'),
        ('name = "a"; name += "b"; print(name); open(name)', 'name = "a"; name += "c"; print(name); open(name)'),
        ('name = x.get("a"); raise UserError(name)', 'name = x.get("b"); raise UserError(name)'),
        ('name = len("a"); raise UserError(str(name))', 'name = sum("a"); raise UserError(str(name))'),
    ],
)
def test_what_is_no_text_of_a_message_counts(package: Path, before: str, after: str) -> None:
    edited(package / "shared.py", "return x", f"{before}\n    return x")
    first = code_digest.code_digest("one")
    assert edited(package / "shared.py", before, after) != first


PROGRESS = "weightscape.progress"  # the pattern by which `status` reads a log
UNREAD = "weightscape.data.decoding"  # reasons of unread files, which the record lists
CHOSEN = {
    "data": ("digits", "writing", "image_folder", "arrays", "huggingface", "torchvision_sets"),
    "assemble": ("chosen",),
}
"""Modules that a program chooses at run time."""
WRITTEN = {
    "data": {PROGRESS, UNREAD, "weightscape.data.image_folder"},
    "corrupt": set(),
    "generate": {PROGRESS, UNREAD, "weightscape.generate.proof_of_action"},  # a prompt
    "assemble": {PROGRESS},
    "finetune": {PROGRESS},
    "evaluate": {PROGRESS},
}
"""Modules whose sentences are part of a stage's results."""


@pytest.mark.parametrize("stage", WRITTEN)
def test_no_sentence_in_the_code_of_a_stage_makes_it_stale(stage: str) -> None:
    counting = set()
    chosen = (f"{stage}.{name}" for name in CHOSEN.get(stage, ()))
    for name, path in code_digest.modules_of(stage, *chosen).items():
        tree = ast.parse(path.read_bytes())
        meaning = code_digest._parsed(ast.unparse(tree).encode()).meaning
        for text in ast.walk(tree):
            if isinstance(text, ast.Constant) and str(text.value).count(" ") > 2:
                text.value = "reworded"
        if code_digest._parsed(ast.unparse(tree).encode()).meaning != meaning:
            counting.add(name)
    assert counting == WRITTEN[stage]


def test_no_error_sentence_of_the_package_makes_a_stage_stale() -> None:
    def meaning(path: Path, sentence: str) -> str:
        return code_digest._parsed(path.read_bytes().replace(b"raise UserError(", sentence.encode())).meaning

    in_words = "raise UserError('In other words: ' + "
    raising = [path for path in PACKAGE.rglob("*.py") if b"raise UserError(" in path.read_bytes()]
    assert len(raising) > 20
    for path in raising:
        assert meaning(path, in_words) == meaning(path, in_words.replace("In other words", "So"))


def test_a_program_stops_when_its_code_was_edited_while_it_waited(package: Path) -> None:
    program = _program.Program("one", None)
    program.start(["--settings", "{}", "--code", code_digest.code_digest("one")])
    edited(package / "shared.py", "LIMIT = 3", "LIMIT = 4")
    with pytest.raises(UserError, match="was edited after the workflow planned"):
        program.check()


@pytest.mark.process  # torch asks ldconfig for its libraries
@pytest.mark.parametrize(
    "stage",
    sorted(p.stem for p in (PACKAGE / "stages").glob("*.py") if p.stem != "__init__"),
)
def test_the_digest_covers_every_package_module_that_a_stage_loads(stage: str) -> None:
    __import__(f"weightscape.stages.{stage}")
    covered = code_digest.modules(f"weightscape.stages.{stage}")
    direct = vars(sys.modules[f"weightscape.stages.{stage}"]).values()
    used = {getattr(value, "__module__", "") or "" for value in direct} | {
        value.__name__ for value in direct if type(value).__name__ == "module"
    }
    assert {name for name in used if name.startswith("weightscape.")} <= set(covered)


def test_the_content_and_the_order_of_a_schema_count_and_its_comments_do_not(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_digest, "SCHEMAS", tmp_path)
    schema = tmp_path / "tables.schema.yaml"
    schema.write_text("a: 1\nb: 2\n")
    edited(package / "shared.py", "LIMIT = 3", 'LIMIT = "tables.schema.yaml"')
    first = code_digest.code_digest("one")
    assert edited(schema, "b: 2", "b: 2 # why two") == first
    reordered = edited(schema, "a: 1\nb: 2", "b: 2\na: 1")
    assert len({first, reordered, edited(schema, "2", "3")}) == 3


def test_the_prose_of_a_schema_means_nothing_but_that_it_is_there(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_digest, "SCHEMAS", tmp_path)
    schema = tmp_path / "tables.schema.yaml"
    schema.write_text("title: A\nlist:\n- {description: B, type: text}\nfurther: C\nabout: {allowed: [D]}\n")
    edited(package / "shared.py", "LIMIT = 3", 'LIMIT = "tables.schema.yaml"')
    first = code_digest.code_digest("one")
    assert {edited(schema, f" {word}", " other words") for word in "ABC"} == {first}
    assert edited(schema, "[D]", "[E]") != first
    assert edited(schema, "further: other words\n", "") != edited(schema, "[E]", "[D]") != first


def test_no_stage_reads_the_prose_of_a_schema() -> None:
    """The digest of its code leaves it out."""
    stages = (path.stem for path in (PACKAGE / "stages").glob("[a-z]*.py"))
    paths = {path for stage in stages for path in code_digest.modules_of(stage).values()}
    assert not {path.stem for path in paths if re.search(r"\.about\b", path.read_text())}


def test_what_was_parsed_once_is_not_parsed_again(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    code_digest._parsed_before.cache_clear()
    first = code_digest.code_digest("one")
    assert code_digest._store().is_relative_to(package)
    code_digest._parsed_before.cache_clear()
    code_digest._read.cache_clear()
    monkeypatch.setattr(code_digest, "_parsed", lambda source: pytest.fail("parsed again"))
    assert code_digest.code_digest("one") == first


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a": 1}'])
def test_a_broken_store_is_as_none(package: Path, content: str) -> None:
    code_digest._parsed_before.cache_clear()
    first = code_digest.code_digest("one")
    code_digest._store().parent.mkdir(exist_ok=True)
    code_digest._store().write_text(content)
    code_digest._parsed_before.cache_clear()
    code_digest._read.cache_clear()
    assert code_digest.code_digest("one") == first


def test_the_meaning_of_a_text_is_the_same_under_every_python() -> None:
    """A digest that was taken under Python 3.11: a newer Python's syntax tree has other empty fields."""
    source = b"import a.b\n\n\nclass C(B):\n    def f(self, x=None, *rest):\n        return f'{x!r} {1.5}'\n"
    taken = "6f7ac64a24b0a4aa471da208b76af54909b57b0a397dd7c44070ca1d267811be"
    assert code_digest._parsed(source).meaning == taken
    assert code_digest._parsed(source.replace(b"1.5", b"2.5")).meaning != taken
