"""How repeated runs of published tables are tested."""

from weightscape.formats.json_yaml import read_yaml
from weightscape.project import DEFAULT_CONFIG
from weightscape.published.settings import METRICS, options


def test_published_tables_are_tested_as_the_config_states_on_the_metrics_that_they_hold() -> None:
    chosen = options({**read_yaml(DEFAULT_CONFIG)["analyse"], "alpha": 0.01, "primary": "stable_rank"})
    assert chosen.alpha == 0.01 and chosen.level == 0.99
    assert (chosen.metrics, chosen.primary) == (METRICS, "log_norm")
