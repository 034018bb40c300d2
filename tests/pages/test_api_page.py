"""workflow/docs/api.md is what the docstrings say, and each docstring has all that a reader asks for."""

import inspect

import pytest

import weightscape as ws
from pages.api_page import PAGE, page, paragraphs, parameters

FUNCTIONS = {name: getattr(ws, name) for name in ws.__all__ if not inspect.isclass(getattr(ws, name))}


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == page(), "make docs writes it anew"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_docstring_has_each_parameter_and_says_what_comes_back_what_is_raised_and_an_example(name: str) -> None:
    face = FUNCTIONS[name]
    assert list(parameters(face)) == list(inspect.signature(face).parameters)
    openings = [text.split(" ")[0] for text in paragraphs(face)]
    assert openings[-3:] == ["Gives", "Raises", ">>>"]
