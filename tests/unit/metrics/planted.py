"""Fake studies with a planted truth, as the tables that the stage reads."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from unit.metrics import simulated_studies as simulate
from weightscape.formats.json_yaml import read_yaml
from weightscape.formats.typed import from_json
from weightscape.metrics import effects
from weightscape.metrics.analysis.claims import table as claims
from weightscape.metrics.analysis.claims.claim import ClaimRow
from weightscape.metrics.analysis.claims.table import overall
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import Setup, setups
from weightscape.metrics.analysis.verdicts import Verdict
from weightscape.project import DEFAULT_CONFIG


def options(**changes: object) -> Options:
    """The settings of config.yaml, with some changed."""
    block = read_yaml(DEFAULT_CONFIG)["analyse"] | {
        "primary": "log_norm",
        "seed": 0,
        "coarse": [],
        "scratch": [],
        "further": [],
    }
    return from_json(Options, block | changes)


def claim_row(backbone: str, verdict: str, estimate: float = 1.0, p: float = 0.001, claim: str = "C3") -> ClaimRow:
    """The row of a claim in one setup; the interval reaches 0.5 to both sides."""
    fixed = {"statement": "s.", "rule": "r", "dataset": "d", "test": "t", "metric": "m", "unit": "u", "controls": ""}
    numbers = {"estimate": estimate, "low": estimate - 0.5, "high": estimate + 0.5, "n": 6}
    p = p if verdict != "undecided" else float("nan")
    return ClaimRow(claim=claim, backbone=backbone, verdict=Verdict(verdict), p=p, reason="x.", **fixed, **numbers)


OPTIONS = options(metrics=["log_norm", "entropy"], draws=199)
AT = np.arange(16)
RISING, WAVE, OTHER = np.linspace(1, 5, 16), np.cos(AT), np.sin(1.7 * AT)


def truth(like: str, seeds: int = 5, **more) -> simulate.Truth:
    """A study in which diversity does what another family does, up to its length."""
    profiles = {"dropout": 4 * RISING, "weight_decay": 12 * (WAVE - 1), "label_noise": 12 * OTHER, "steps": 9 * WAVE}
    profiles["augment"] = 0.8 * profiles[like]
    profiles["duplicate"] = -profiles["augment"]
    return simulate.Truth(seeds=seeds, profiles=profiles, **more)


def tables(of: simulate.Truth, chance: int = 0) -> dict[str, pd.DataFrame]:
    made = simulate.tables(of, np.random.default_rng(chance))
    return {**made, "effects": effects.against_baseline(made["effects"].assign(usable=True))}


def of_tables(made: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The claims alone, without the other tables."""
    return of_setups(setups(made, OPTIONS.metrics))


def of_setups(made: Iterable[Setup]) -> pd.DataFrame:
    """The claims of setups."""
    rows = [row for setup in made for row in claims.of_setup(setup, OPTIONS)[0]]
    return pd.DataFrame(overall(rows, OPTIONS)).set_index("claim")


def verdicts(of: simulate.Truth) -> pd.DataFrame:
    """The claims of a study, which its tables give too (test_table.py)."""
    return of_setups([simulate.setup(of, np.random.default_rng(0))])
