"""Names of data sets for paths, from those that people give their folders."""

import pytest

from weightscape.starter.data_set import name_of


@pytest.mark.parametrize(
    ("text", "name"),
    [("Mes photos (été)", "mes-photos-ete"), ("鳥", "study"), ("digits", "digits-images"), ("My_Set.v2", "my-set.v2")],
)
def test_a_name_for_paths_keeps_letters_without_their_accents(text: str, name: str) -> None:
    assert name_of(text) == name
