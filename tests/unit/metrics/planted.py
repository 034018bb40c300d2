"""Fake studies with a planted truth, as the tables that the stage reads."""

import numpy as np
import pandas as pd

from unit.metrics import simulated_studies as simulate
from weightscape.metrics import effects
from weightscape.metrics.analysis.across_setups import overall
from weightscape.metrics.analysis.claims import table as claims
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import setups

OPTIONS = Options.from_mapping({"analyse": {"metrics": ["log_norm", "entropy"], "draws": 199}})
AT = np.arange(16)
RISING, WAVE, OTHER = np.linspace(1, 5, 16), np.cos(AT), np.sin(1.7 * AT)
LEVELS = {"augment": 0.05, "dropout": 0.05, "weight_decay": 0.1}


def truth(like: str, seeds: int = 5, **more) -> simulate.Truth:
    """A study in which diversity does what another family does, up to its length."""
    profiles = {"dropout": 4 * RISING, "weight_decay": 12 * (WAVE - 1), "label_noise": 12 * OTHER, "steps": 9 * WAVE}
    profiles["augment"] = 0.8 * profiles[like]
    profiles["duplicate"] = -profiles["augment"]
    return simulate.Truth(seeds=seeds, profiles=profiles, levels=LEVELS, **more)


def tables(of: simulate.Truth, chance: int = 0) -> dict[str, pd.DataFrame]:
    made = simulate.tables(of, np.random.default_rng(chance))
    return {**made, "effects": effects.against_baseline(made["effects"].assign(usable=True))}


def of_tables(made: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The claims alone, without the other tables."""
    found = [claims.of_setup(setup, OPTIONS)[0] for setup in setups(made, OPTIONS.metrics)]
    return pd.DataFrame(overall([row for each in found for row in each], OPTIONS)).set_index("claim")


def verdicts(of: simulate.Truth, without: str = "") -> pd.DataFrame:
    return of_tables({name: table for name, table in tables(of).items() if name != without})
