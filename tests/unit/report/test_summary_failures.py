"""The summary names failed recipes first, with the conditions that drew from them."""

from typing import Any

import pandas as pd

from weightscape.report.summary import failures

ROW = {"dataset": "cats", "recipe": "guided", "generator": "ddpm", "failed": "it shows nothing"}


def said(**columns: Any) -> list[str]:
    tables: Any = {"quality": pd.DataFrame([ROW | columns])}
    return failures(tables)


def test_the_conditions_that_drew_from_a_failed_recipe_are_named() -> None:
    (sentence,) = said(conditions=["synthetic_add/half", "synthetic_replace/all"])
    assert sentence.startswith("FAILED, cats: recipe guided of generator ddpm")
    assert ", half; " in sentence and "no verdict counts them" in sentence and sentence.endswith(": it shows nothing.")
    assert "no condition drew" in said(conditions=[])[0]


def test_recipes_that_passed_and_tables_of_older_studies_say_nothing() -> None:
    assert said(failed="", conditions=["synthetic_add/half"]) == []
    assert failures({"quality": pd.DataFrame()}) == []  # pyright: ignore[reportArgumentType]
    assert "no condition is known to draw" in said()[0]
