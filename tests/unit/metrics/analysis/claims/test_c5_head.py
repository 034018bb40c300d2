"""C5: the head."""

from unit.metrics.planted import truth, verdicts


def test_the_largest_change_decides_c5():
    heads = {"augment": 200.0, "dropout": -200.0}
    assert verdicts(truth("dropout", heads=heads)).loc["C5", "verdict"] == "supported"
    found = verdicts(truth("dropout", heads={"augment": 0.5, "dropout": 0.5}, head_noise=0.5)).loc["C5"]
    assert found["verdict"] == "contradicted" and found["high"] < 0
