"""The figure of what diversity is nearest to, and its answer in words."""

import pandas as pd
from matplotlib.patches import Rectangle

from unit.figures import made_tables
from weightscape.figures import diversity_signature
from weightscape.metrics import signature_words


def signature() -> pd.DataFrame:
    table = made_tables.study()["signature"]
    return table[table["dataset"] == table["dataset"].iloc[0]]


def test_each_panel_states_its_answer_and_only_the_nearest_bar_has_full_colour():
    figure = diversity_signature.draw({"signature": signature()})
    hidden, update, head = figure.subfigs[0].axes
    assert hidden.get_title() == "hidden layers:\nnearest to label noise"
    assert update.get_title().endswith("nearest to none") and head.get_title() == "head:\nnot known"
    full = [bar for bar in hidden.findobj(Rectangle) if bar.get_alpha() == 1.0]
    assert len(full) == 1 and full[0].get_y() < 3 < full[0].get_y() + full[0].get_height()
    assert not [bar for bar in update.findobj(Rectangle) if bar.get_alpha() == 1.0]


def test_the_opposite_of_an_intervention_and_several_are_named():
    rows = signature().query("scope == 'hidden'")
    rows = rows.assign(
        nearest=rows["explanation"].isin(["steps", "duplicate"]), opposite=rows["explanation"] != "dropout"
    )
    assert signature_words.answer(rows) == "nearest to opposite of steps or fewer duplicates"
    assert signature_words.answer(rows.assign(nearest=False, reason="")) == "not told"


def test_an_intervention_that_is_turned_in_one_scope_alone_is_called_opposite_there_and_not_in_the_others():
    table = signature()
    assert {"hidden", "update"} <= set(table.loc[table["cosine"].notna(), "scope"])
    turned = (table["explanation"] == "steps") & (table["scope"] == "update")
    table = table.assign(opposite=turned | (table["explanation"] == "duplicate"))
    hidden, update, _ = diversity_signature.draw({"signature": table}).subfigs[0].axes
    labels = [label.get_text() for label in hidden.get_yticklabels()]
    assert "steps" in labels and "fewer duplicates" in labels
    assert [text.get_text() for text in update.texts] == ["opposite"] and not hidden.texts
    assert labels[int(update.texts[0].get_position()[1])] == "steps"
