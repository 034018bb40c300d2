import doctest

from weightscape.library import choosing


def test_the_examples_in_the_docstrings_are_true() -> None:
    found = doctest.testmod(choosing)
    assert found.attempted and not found.failed
