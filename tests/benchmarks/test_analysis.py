"""The benchmark of the analysis: its page, and how it judges a rate."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

BEYOND = "exceeds", "below 9"


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    path = Path(__file__).parent / "analysis.py"
    spec = importlib.util.spec_from_file_location("calibration", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_has_a_row_for_each_claim(benchmark: ModuleType, tmp_path: Path):
    page = tmp_path / "analysis.md"
    benchmark.main(["--studies", "1", "--parts", "null", "margins", "--seeds", "3", "--out", str(page)])
    text = page.read_text()
    assert all(f"| verdict C{k} |" in text for k in range(1, 10))
    assert "| published: ANOVA over layers |" in text and "| means pass at the margin |" in text


def test_thirty_null_studies_reject_no_more_than_they_should(benchmark: ModuleType):
    for part, studies in {"null": 30, "families": 30, "coverage": 60}.items():
        found = benchmark.events(part, 5, studies, 1)
        wrong = [name for name, values in found.items() if benchmark.judgement(part, name, values)[:7] in BEYOND]
        assert found and not wrong


@pytest.mark.parametrize(
    ("part", "name", "rate", "expected"),
    [
        ("null", "any test of C1", 0.08, "exceeds 5 %"),
        ("null", "any test of C1", 0.05, "holds"),
        ("null", "any test of C1", 0.01, "conservative"),
        ("null", "published: ANOVA over layers", 0.5, ""),
        ("coverage", "effect of a family", 0.92, "below 95 %"),
        ("coverage", "effect of a family", 0.95, "holds"),
        ("margins", "means pass at the margin", 0.09, "exceeds 5 %"),
    ],
)
def test_a_rate_is_judged_by_its_99_percent_limits(benchmark: ModuleType, part, name, rate, expected):
    values = (np.arange(2000) < 2000 * rate).astype(float)
    assert benchmark.judgement(part, name, values) == expected


def test_every_claim_has_its_power_and_wrong_overall_verdicts_are_judged(benchmark: ModuleType, tmp_path: Path):
    page = tmp_path / "analysis.md"
    parts = ["predictions", "outcomes", "setups", "choices"]
    benchmark.main(["--studies", "1", "--parts", *parts, "--seeds", "3", "--out", str(page)])
    text = page.read_text()
    assert all(f"| C{k} supported, effects of 12 s.d. of runs |" in text for k in (3, 5, 6, 7, 8, 9))
    wrong = "C3 supported overall, true in two of four setups"
    assert f"| {wrong} |" in text
    assert "| | 16 seeds, n = 1 | |" in text and "| supported; pilot's effect |" in text
    assert benchmark.judgement("setups", wrong, np.ones(100)) == "exceeds 5 %"
    assert benchmark.judgement("predictions", "correlation", np.zeros(100)) == "below 95 %"
