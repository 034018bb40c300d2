"""The strongest dose is one and the same in the figures, the tables and the analysis."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from weightscape.formats.tensors import write_tensors
from weightscape.metrics.analysis.design import Design
from weightscape.metrics.summaries import strongest
from weightscape.metrics.tables import spectra
from weightscape.metrics.tables.outline import Condition, Outline

STEPS = [{"fewer": 0.25, "more": 1.5}, {"fewer": 0.5, "more": 1.5}, {"fewer": 0.6, "more": 1.4}]


def layers(family: str, baseline: float, doses: dict[str, float]) -> pd.DataFrame:
    """One matrix of one run per condition, as the stage spectra describes it."""
    fixed = {"dataset": "d", "backbone": "b", "family": family, "seed": 0, "layer": "fc", "part": "weight"}
    fixed |= {"role": "hidden", "matrix": "after", "status": "ok", "N": 40, "M": 10, "sigma_mp": 1.0, "ww_scale": 2.0}
    fixed |= {"bulk_min": 1.0, "bulk_max": 8.0, "mp_lower": 0.25, "mp_upper": 3.0, "alpha": 3.0, "xmin": 4.0}
    return pd.DataFrame([fixed | {"dose": dose, "number": n} for dose, n in {"baseline": baseline, **doses}.items()])


def examples(results, rows: pd.DataFrame) -> pd.DataFrame:
    """The table `spectra_examples` of runs whose eigenvalues are 1, 2 and 3."""
    nothing = dict.fromkeys((field.name for field in dataclasses.fields(Outline)), ())
    conditions = tuple(Condition(*row) for row in rows[["family", "dose", "number"]].itertuples(index=False, name=None))
    chosen = {"datasets": ("d",), "backbones": ("b",), "seeds": (0,), "conditions": conditions}
    outline = Outline(**{**nothing, **chosen})
    for row in rows.itertuples():
        folder = results / f"5_spectra/d/b/{row.family}/{row.dose}/seed0"
        folder.mkdir(parents=True)
        write_tensors(folder / "esd.safetensors", {"after/fc/weight": np.array([1.0, 2.0, 3.0])})
    return spectra.spectra_examples(results, outline, rows)


@pytest.mark.parametrize(("doses", "expected"), list(zip(STEPS, ("fewer", "more", "more"), strict=True)))
def test_the_strongest_dose_is_farthest_from_its_baseline_and_the_larger_of_two(doses, expected, tmp_path):
    rows = layers("steps", 1.0, doses)
    assert strongest(rows)["dose"].tolist() == [expected]
    assert Design.of(rows).strongest("steps") == expected
    assert set(examples(tmp_path, rows)["dose"]) == {"baseline", expected}


def test_the_smallest_size_is_the_strongest():
    rows = layers("resolution", 0.0, {"half": 14.0, "quarter": 7.0, "most": 21.0})
    assert strongest(rows)["dose"].tolist() == [Design.of(rows).strongest("resolution")] == ["quarter"]


def test_of_doses_with_one_number_the_first_name_is_the_strongest():
    rows = layers("synthetic_add", 0.0, {"plain": 1.0, "guided": 1.0, "none": float("nan")})
    assert strongest(rows)["dose"].tolist() == [Design.of(rows).strongest("synthetic_add")] == ["guided"]


def test_examples_of_spectra_carry_the_law_in_the_units_of_their_eigenvalues(tmp_path):
    (found,) = examples(tmp_path, layers("steps", 1.0, {})).to_dict("records")
    assert (found["mp_lower"], found["mp_upper"], found["xmin"]) == (0.25, 3.0, 2.0)
