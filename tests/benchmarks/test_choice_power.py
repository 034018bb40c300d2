"""The simulation of claim C10: its page, and what it finds where the truth is plain."""

import importlib.util
from pathlib import Path

import pytest


def test_the_simulation_tells_power_and_false_verdicts(capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location("choice_power", Path(__file__).parent / "choice_power.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(["--studies", "4", "--seeds", "16"])
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    rates = {row[0].removeprefix("| "): float(row[2].split()[0]) for row in rows}
    assert set(rates) == set(module.STUDIES)
    assert rates["pilot's effect"] >= 50 and rates["null: gains shuffled"] <= 25
