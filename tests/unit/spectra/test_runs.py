"""Spectra of a backbone and of a run name the route that found their eigenvalues."""

import numpy as np
import pandas as pd

from unit.spectra.measuring import chosen
from weightscape.spectra.matrices import Known
from weightscape.spectra.row import Weights
from weightscape.spectra.runs import of_backbone, of_run
from weightscape.spectra.two_stage import two_stage

NATIVE = two_stage()
HERE = NATIVE.name if NATIVE else "LAPACK"


def weights(seed):
    random = np.random.default_rng(seed)
    return {"a.weight": random.standard_normal((40, 30)), "head.weight": random.standard_normal((10, 40))}


def test_the_route_of_a_backbone_is_in_its_table_and_for_provenance(tmp_path):
    found = of_backbone(weights(0), chosen(), Known())
    assert found.route() == {"eigenvalues": HERE}
    found.write(tmp_path)
    assert pd.read_parquet(tmp_path / "layers.parquet").attrs == {"eigenvalues": HERE}


def test_a_run_names_the_routes_of_its_rows():
    before, after = weights(0), weights(1)
    initial = {"head.weight": before["head.weight"]}
    run = Weights(after, head=frozenset({"head"}))
    assert of_run(run, before, initial, chosen(overlaps=False)).route() == {"eigenvalues": HERE}
    routes = "LAPACK" if NATIVE is None else f"before: {HERE}; after and delta: LAPACK"
    assert of_run(run, before, initial, chosen()).route() == {"eigenvalues": routes}
