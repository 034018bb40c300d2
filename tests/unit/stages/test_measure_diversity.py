"""Diversity is measured on a GPU only where images are embedded, and the rule and the program agree where that is."""

import argparse
from pathlib import Path

import pandas as pd
import pytest

from weightscape.assemble.diversity_settings import MeasureDiversitySettings
from weightscape.families import BASELINE, ITEM_FAMILIES
from weightscape.formats.tables import write_table
from weightscape.formats.typed import from_json
from weightscape.project import ROOT
from weightscape.stages import measure_diversity
from weightscape.study import doses, study
from weightscape.study.config import load
from weightscape.study.settings import settings

CONFIG = load(ROOT / "config.yaml", None)
MEASURED = [
    (family, dose)
    for family in (BASELINE, *CONFIG["families"])
    if study.measures_diversity(CONFIG, family)
    for dose in doses.doses(CONFIG, family)
]
REAL = "1_data/digits/train/shard-00000.safetensors"


@pytest.mark.parametrize(("family", "dose"), MEASURED)
def test_a_gpu_is_asked_for_where_the_program_embeds(family: str, dose: str, tmp_path: Path) -> None:
    change = doses.action(CONFIG, family, dose).items
    further = "2_generate/digits/ddpm/guided/shard-00000.safetensors" if change.synthetic_share else REAL
    further = "1_data/digits/extra/shard-00000.safetensors" if change.extra_share else further
    lists = pd.DataFrame({"shard": [REAL, REAL, further if family in ITEM_FAMILIES else REAL], "index": [0, 1, 0]})
    write_table(tmp_path / "items.parquet", lists)
    asked = settings(CONFIG, "measure_diversity", {"dataset": "digits", "family": family, "dose": dose})
    arguments = argparse.Namespace(
        items=[tmp_path / "items.parquet"],
        real=[tmp_path / REAL],
        backbones=[tmp_path / "weights.safetensors"],
        settings=from_json(MeasureDiversitySettings, asked),
    )
    assert measure_diversity.embeds(arguments) == study.embeds(CONFIG, family, dose)
    arguments.backbones = []
    assert not measure_diversity.embeds(arguments)


def test_conditions_of_the_real_images_alone_ask_for_no_gpu() -> None:
    idle = {family for family, dose in MEASURED if not study.embeds(CONFIG, family, dose)}
    assert idle == {BASELINE, "duplicate"}
