"""The tables of runs: what does not compare is refused, such as runs that were trained in two precisions."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from weightscape.errors import UserError
from weightscape.families import BASELINE
from weightscape.formats.json_yaml import write_json
from weightscape.formats.tables import Table
from weightscape.metrics import table_schema
from weightscape.metrics.tables.evaluation import check_one_precision, curvature, penalties
from weightscape.metrics.tables.outline import Condition, Outline, folder

RUNS = pd.DataFrame(
    {
        "dataset": ["digits"] * 4,
        "backbone": ["vit", "vit", "vit", "resnet"],
        "family": ["noise"] * 4,
        "dose": ["weak", "weak", "strong", "weak"],
        "seed": [0, 1, 2, 0],
        "precision": ["bfloat16", "bfloat16", "bfloat16", "float32"],
    }
)


def test_networks_may_differ_in_their_precision():
    check_one_precision(RUNS)


def test_runs_of_one_network_in_two_precisions_are_refused_with_the_setting_that_mends_it():
    mixed = RUNS.assign(precision=["bfloat16", "bfloat16", "float16", "float32"])
    with pytest.raises(UserError) as error:
        check_one_precision(mixed)
    for words in ("vit on digits", "2 in bfloat16", "1 in float16", "noise, strong, seed 2", "backbones.vit.precision"):
        assert words in str(error.value)


CURVED = (BASELINE, "augment")


def outline() -> Outline:
    """Two baseline runs and one of augment, on one data set and backbone."""
    conditions = Condition(BASELINE, BASELINE, 0.0), Condition("augment", "weak", 1.0)
    return Outline(
        ("digits",), ("vit",), (0,), 2, conditions, (), {}, {}, CURVED, CURVED, {"dropout": "most"}, 15, {}, {}, None
    )


MEASURES = {
    "curvature": {"trace": 1.0},
    "penalties": {"clean_loss": 0.2, "perturbed_loss": {"dropout": 0.5}, "images": 20, "draws": 4},
}


def measured(results: Path, kind: str = "curvature", **images: str) -> Path:
    """Measures of a kind on the split and digest of images that are given by family."""
    for run in outline().curved_runs():
        place = folder(results, kind, **vars(run))
        place.mkdir(parents=True)
        write_json(place / "measures.json", MEASURES[kind])
        split, digest = images[run.family].split("/")
        inputs = {f"1_data/digits/{split}/shard-00000.safetensors": digest, f"4_finetune/{run.name}": run.name}
        rest = {"stage": kind, "settings": {}, "code": "", "outputs": {}, "facts": {}}
        write_json(place / "manifest.json", {"inputs": inputs} | rest)
    return results


def test_curvature_on_the_same_images_has_one_row_per_run(tmp_path: Path):
    assert len(curvature(measured(tmp_path, baseline="val/a", augment="val/a"), outline())) == 3


def test_penalties_have_one_row_per_run_and_family_with_the_loss_that_perturbation_adds(tmp_path: Path):
    table = penalties(measured(tmp_path, "penalties", baseline="val/a", augment="val/a"), outline())
    assert list(table["family"]) == [BASELINE, BASELINE, "augment"]
    assert set(zip(table["penalty"], table["penalty_dose"], table["draws"], strict=True)) == {("dropout", "most", 4)}
    assert table["value"].tolist() == pytest.approx([0.3] * 3) and set(table) == set(table_schema.empty("penalties"))


@pytest.mark.parametrize(("kind", "gather"), [("curvature", curvature), ("penalties", penalties)])
@pytest.mark.parametrize("pool", ["train/a", "val/b"])
def test_measures_of_baseline_runs_on_other_images_than_those_of_the_others_are_refused(
    tmp_path: Path, pool: str, kind: str, gather: Callable[[Path, Outline], Table]
):
    with pytest.raises(UserError, match=f"augment/weak/seed0 was measured on 1_data/digits/val.*run the stage {kind}"):
        gather(measured(tmp_path, kind, baseline=pool, augment="val/a"), outline())
