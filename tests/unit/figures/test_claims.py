"""The figure of claims."""

import pandas as pd
from matplotlib.patches import Rectangle

from unit.figures import made_tables
from weightscape.figures import claims


def test_a_study_of_nine_setups_has_a_column_for_each_within_the_page():
    table = made_tables.study()["claims"]
    parts = [table.assign(dataset=f"set-{at}")[table["backbone"] != "all"] for at in range(9)]
    every = pd.concat([table[table["backbone"] == "all"].assign(dataset="all"), *parts])
    figure = claims.draw({"claims": every})
    (axis,) = figure.axes
    width = axis.get_xlim()[1]
    cells = [patch for patch in axis.findobj(Rectangle) if patch is not axis.patch and patch.get_height() > 0.18]
    columns = {round(cell.get_x(), 3) for cell in cells}
    assert len(columns) == 10 and max(cell.get_x() + cell.get_width() for cell in cells) < width
    heads = [text for text in axis.texts if text.get_rotation() == 90]
    assert [text.get_text() for text in heads[:2]] == ["all together", "set 0,\nefficientnet lite0"]
    statements = [text for text in axis.texts if text.get_fontsize() == 6.5 and text.get_ha() == "left"]
    figure.canvas.draw()
    ends = [text.get_window_extent().x1 / figure.dpi for text in statements[: table["claim"].nunique()]]
    assert max(ends) < min(columns)
