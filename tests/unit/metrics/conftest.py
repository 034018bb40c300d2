import pandas as pd
import pytest

from weightscape.metrics.analysis.design import Design


@pytest.fixture
def design() -> Design:
    """Two families with a baseline and two doses each, four runs of every condition."""
    rows = [
        (family, dose, number)
        for family in ("augment", "dropout")
        for dose, number in (("baseline", 0.0), ("weak", 1.0), ("strong", 3.0))
        for _ in range(4)
    ]
    return Design.of(pd.DataFrame(rows, columns=["family", "dose", "number"]))
