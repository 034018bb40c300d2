"""Facts of `config.json` about the matrices of a network."""

import numpy as np

from unit.spectra.measuring import measure
from weightscape.spectra.inputs import known_of
from weightscape.spectra.matrices import parts

SQUEEZED = {"model_type": "squeezebert", "q_groups": 4, "output_groups": 2, "intermediate_groups": 1, "k_groups": None}


def test_groups_that_the_configuration_states_are_those_of_its_convolutions():
    shapes = {f"layers.0.{name}.weight": (8, 4, 1) for name in ("attention.query", "output.conv1d", "intermediate.a")}
    found = parts(shapes, known_of(SQUEEZED))
    assert [(part.groups, part.rows, part.remark) for part in found] == [(4, 2, ""), (2, 4, ""), (1, 8, "")]
    assert not known_of(SQUEEZED | {"model_type": "bert"}).groups


def test_the_eigenvalues_of_stated_groups_are_those_of_the_operator(rng):
    tensor = rng.normal(size=(8, 4, 1))
    operator = np.zeros((8, 16))
    for group in range(4):
        operator[2 * group : 2 * group + 2, 4 * group : 4 * group + 4] = tensor[2 * group : 2 * group + 2, :, 0]
    _, values = measure({"attention.query.weight": tensor}, known=known_of(SQUEEZED))
    truth = np.linalg.svd(operator, compute_uv=False) ** 2
    np.testing.assert_allclose(values["after/attention.query/weight"], np.sort(truth), rtol=1e-9)
