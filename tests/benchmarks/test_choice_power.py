"""The simulation of claims C10 and C11: its page, and what it finds where the truth is plain."""

import importlib.util
from pathlib import Path

import pytest


def test_the_simulation_tells_power_and_false_verdicts(capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location("choice_power", Path(__file__).parent / "choice_power.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(["--studies", "4", "--seeds", "16"])
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if " | 16 | " in line]
    rates = {row[0].removeprefix("| "): float(row[2].split()[0]) for row in rows}
    assert list(rates) == [*module.STUDIES, *module.POLICIES]
    assert rates["pilot's effect"] >= 50 and rates["null: gains shuffled"] <= 25
    assert rates["effect found"] >= 50 and rates["null: runs shuffled"] <= 25
