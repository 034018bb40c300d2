"""The figure of synthetic shares: each dose is a mark of its own."""

import numpy as np
import pandas as pd

from unit.figures import made_tables
from weightscape.figures import synthetic_share


def test_doses_of_one_share_are_marks_of_their_own_and_not_joined():
    evaluation = made_tables.study(layers=1, families=("synthetic_add",))["evaluation"]
    guided = evaluation[evaluation["dose"] == "half"].assign(dose="guided", accuracy=0.5)
    figure = synthetic_share.draw({"evaluation": pd.concat([evaluation, guided])})
    test = evaluation[evaluation["split"] == "test"].groupby("dose")["accuracy"].mean() * 100
    axis = figure.subfigs[0].axes[0]
    marks = next(line for line in axis.lines if line.get_marker() == "s")
    found = sorted(zip(marks.get_xdata(), marks.get_ydata(), strict=True))
    np.testing.assert_allclose(found, [(0, test["baseline"]), (0.5, 50), (0.5, test["half"]), (1, test["equal"])])
    joined = [line for line in axis.lines if line.get_linestyle() == "-" and line.get_color() == marks.get_color()]
    assert [list(line.get_xdata()) for line in joined] == [[0, 1]]
