"""The Marchenko-Pastur law in the figure of spectra: drawn between its own edges, and named only where it is drawn."""

import numpy as np
import pytest

from unit.figures import made_tables
from weightscape.figures import esd


def drawn(edges: tuple[float, float]):
    table = made_tables.study(layers=1, families=("augment",))["spectra_examples"]
    lower, upper = edges
    return esd.draw({"spectra_examples": table.assign(mp_lower=lower, mp_upper=upper)}).subfigs[0]


@pytest.mark.parametrize(("edges", "named"), [((0.01, 0.02), True), ((np.nan, np.nan), False)])
def test_the_law_lies_between_its_edges_and_is_named_where_it_is_drawn(edges, named):
    block = drawn(edges)
    laws = [line.get_xdata() for axis in block.axes for line in axis.lines if line.get_linestyle() == "--"]
    assert bool(laws) is named
    assert all(np.allclose([x.min(), x.max()], edges) for x in laws)
    assert any(text.get_text().startswith("Marchenko") for text in block.legends[0].get_texts()) is named
