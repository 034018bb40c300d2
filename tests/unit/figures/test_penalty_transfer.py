"""The figure of penalty transfer."""

import numpy as np
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from unit.figures import made_tables
from weightscape.figures import penalty_transfer


def test_rows_are_what_was_trained_with_and_columns_whose_penalty_is_measured():
    table = made_tables.study()["penalty_transfer"]
    axis = penalty_transfer.draw({"penalty_transfer": table}).subfigs[0].axes[0]
    (image,) = axis.findobj(AxesImage)
    rows = [label.get_text() for label in axis.get_yticklabels()]
    columns = [label.get_text() for label in axis.get_xticklabels()]
    assert columns == ["augment,\nstrong", "dropout,\nstrong", "weight decay,\nstrong"]
    assert rows[:3] == ["augment, weak", "augment, medium", "augment, strong"]
    own = table[(table["family"] == "augment") & (table["dose"] == "medium")].set_index("penalty")
    expected = own.loc[["augment", "dropout", "weight_decay"], "standardised"]
    np.testing.assert_allclose(np.asarray(image.get_array())[1], expected)
    framed = [patch for patch in axis.findobj(Rectangle) if patch.get_width() == 0.96]
    assert len(framed) == 3 * 3


def test_an_effect_is_bold_where_its_interval_leaves_out_zero():
    table = made_tables.study()["penalty_transfer"]
    clear = table.assign(low=np.where(table["family"] == "dropout", 0.1, -1.0), high=1.0)
    axis = penalty_transfer.draw({"penalty_transfer": clear}).subfigs[0].axes[0]
    bold = [text for text in axis.findobj(Text) if text.get_fontweight() == "bold"]
    assert len(bold) == 3 * 3


def test_destructive_conditions_are_left_out_and_a_study_without_penalties_says_so():
    table = made_tables.study()["penalty_transfer"]
    gone = table.assign(destructive=table["dose"] == "strong")
    axis = penalty_transfer.draw({"penalty_transfer": gone}).subfigs[0].axes[0]
    assert not any(label.get_text().endswith("strong") for label in axis.get_yticklabels())
    blank = penalty_transfer.draw({"penalty_transfer": table[:0]})
    assert [text.get_text() for text in blank.texts] == [penalty_transfer.ABSENT]
