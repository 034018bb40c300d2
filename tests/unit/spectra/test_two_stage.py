"""The native route to eigenvalues, beside singular values and beside LAPACK."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unit.spectra.measuring import chosen, measure
from weightscape.progress import Progress
from weightscape.spectra import row, table
from weightscape.spectra.compiled import widest
from weightscape.spectra.eigenvalues import squared_singular_values
from weightscape.spectra.parallel import Workers, alone
from weightscape.spectra.table import MATRICES
from weightscape.spectra.two_stage import SOURCE, TwoStage, joined, two_stage

BARE = chosen(mp_fit=False, overlaps=False, spacing=False)


@pytest.fixture(params=[4, 8])
def native(request) -> TwoStage:
    if request.param > (widest() or 0):
        pytest.skip(f"this processor has no vectors of {request.param} doubles")
    found = two_stage(request.param)
    if found is None:
        pytest.skip("there is no C compiler")
    return found


def eigenvalues(native, *stacks):
    """[slices, M] eigenvalues of each stack, all bands finished together."""
    reduced = [native.reduced(slices, alone) for slices in stacks]
    waiting = [item for slices in reduced for item in slices if item.band is not None]
    native.finish(waiting)
    return [joined(slices) for slices in reduced]


def assert_exact(found, slices):
    """Eigenvalues to the rounding of the largest; the smallest of all, where it has digits, to nine of them."""
    unit = np.abs(slices).max(axis=(1, 2), keepdims=True).astype(np.float64)
    unit[unit == 0] = 1
    singular = np.sort(np.linalg.svd(slices / unit, compute_uv=False), axis=1)
    roots = np.sqrt(found) / unit[:, :, 0]
    largest = np.maximum(singular[:, -1:], 1e-300)
    np.testing.assert_allclose((roots / largest) ** 2, (singular / largest) ** 2, rtol=0, atol=3e-14)
    if len(slices) == 1 and singular.min() > 1e-5 * singular.max():
        assert roots.min() == pytest.approx(singular.min(), rel=1e-9, abs=0)


@pytest.mark.parametrize("first", range(1, 300, 50))
def test_every_side_has_the_eigenvalues_of_the_singular_value_decomposition(native, first):
    random = np.random.default_rng(first)
    stacks = [
        random.standard_normal((1, side + int(random.integers(0, 40)), side)) for side in range(first, first + 50)
    ]
    stacks = [slices.swapaxes(1, 2) if index % 3 else slices for index, slices in enumerate(stacks)]
    for found, slices in zip(eigenvalues(native, *stacks), stacks, strict=True):
        assert_exact(found, slices)


@pytest.mark.parametrize("shape", [(700, 513), (600, 600), (1030, 1030), (5000, 40)])
def test_larger_matrices_too(native, shape):
    slices = np.random.default_rng(0).standard_normal((1, *shape)).astype(np.float32)
    assert_exact(eigenvalues(native, slices)[0], slices)


SPECIAL = {
    "zero": lambda random: np.zeros((60, 50)),
    "constant": lambda random: np.full((50, 70), 0.3),
    "identity": lambda random: np.eye(90),
    "diagonal": lambda random: np.diag(np.arange(1.0, 80)),
    "rank three": lambda random: random.standard_normal((70, 3)) @ random.standard_normal((3, 60)),
    "graded": lambda random: random.standard_normal((80, 80)) * np.logspace(0, -12, 80),
    "graded on both sides": lambda random: (
        np.logspace(0, -6, 80)[:, None] * random.standard_normal((80, 70)) * np.logspace(0, -6, 70)
    ),
    "clustered": lambda random: (
        np.linalg.qr(random.standard_normal((90, 90)))[0]
        * np.repeat([1.0, 1e-3, 1e-7], 30)
        @ np.linalg.qr(random.standard_normal((90, 90)))[0]
    ),
    "orthogonal": lambda random: np.linalg.qr(random.standard_normal((75, 75)))[0],
    "heavy-tailed": lambda random: 1e-4 * random.pareto(0.7, (64, 64)),
    "one entry": lambda random: np.eye(40)[:, :1] * np.eye(30)[:1],
    "empty rows and columns": lambda random: (
        random.standard_normal((60, 60)) * (np.arange(60) % 7 > 0) * (np.arange(60)[:, None] > 3)
    ),
    "repeated rows": lambda random: np.repeat(random.standard_normal((10, 64)), 7, axis=0),
    "signs": lambda random: np.sign(random.standard_normal((65, 65))),
    "nilpotent": lambda random: np.eye(50, k=1),
}


@pytest.mark.parametrize("name", SPECIAL)
@pytest.mark.parametrize("size", [1.0, 1e-150, 1e150, 1e-60, 1e60])
def test_special_matrices_of_any_size_are_exact(native, name, size):
    slices = size * SPECIAL[name](np.random.default_rng(1))[None]
    assert_exact(eigenvalues(native, slices)[0], slices)


def test_denormal_weights_have_their_eigenvalues(native):
    slices = np.random.default_rng(2).standard_normal((1, 40, 40)).astype(np.float32) * np.float32(1e-39)
    assert 0 < np.abs(slices).max() < np.finfo(np.float32).tiny * 5
    assert_exact(eigenvalues(native, slices)[0], slices.astype(np.float64))


LAYOUTS = {
    "transposed": lambda array: np.ascontiguousarray(array.swapaxes(1, 2)).swapaxes(1, 2),
    "kernel positions last": lambda array: np.moveaxis(np.ascontiguousarray(np.moveaxis(array, 0, 2)), 2, 0),
    "backwards": lambda array: np.ascontiguousarray(array[:, ::-1, ::-1])[:, ::-1, ::-1],
    "every second": lambda array: np.repeat(np.repeat(array, 2, axis=1), 2, axis=2)[:, ::2, ::2],
    "broadcast": lambda array: np.broadcast_to(array[:1], array.shape),
    "read-only": lambda array: np.frombuffer(array.tobytes(), array.dtype).reshape(array.shape),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(3, 45, 37), (2, 37, 45), (4, 8, 8)])
def test_strides_and_types_change_nothing(native, layout, dtype, shape):
    array = np.random.default_rng(3).standard_normal(shape).astype(dtype)
    laid = LAYOUTS[layout](array)
    plain = np.ascontiguousarray(laid).astype(np.float64)
    np.testing.assert_allclose(eigenvalues(native, laid)[0], eigenvalues(native, plain)[0], rtol=1e-12)


def test_numbers_of_the_other_byte_order_are_read(native):
    array = np.random.default_rng(3).standard_normal((2, 30, 20))
    swapped = array.astype(array.dtype.newbyteorder())
    np.testing.assert_array_equal(eigenvalues(native, swapped)[0], eigenvalues(native, array)[0])


@given(data=st.data())
@settings(max_examples=40)
def test_a_matrix_has_the_same_eigenvalues_to_the_bit_in_any_company(data):
    native = two_stage()
    if native is None:
        pytest.skip("there is no C compiler")
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    shapes = data.draw(
        st.lists(st.tuples(st.integers(1, 70), st.integers(1, 70)), min_size=1, max_size=native.together)
    )
    makers = data.draw(st.lists(st.sampled_from(sorted(SPECIAL)), max_size=native.together - len(shapes)))
    stacks = [random.standard_normal((1, *shape)) for shape in shapes] + [
        SPECIAL[name](random)[None] for name in makers
    ]
    order = data.draw(st.permutations(range(len(stacks))))
    together = eigenvalues(native, *(stacks[index] for index in order))
    for index, found in zip(order, together, strict=True):
        np.testing.assert_array_equal(found, eigenvalues(native, stacks[index])[0])
        assert_exact(found, stacks[index])


def test_many_slices_give_the_smallest_value_of_all_of_them_exactly(native):
    slices = np.random.default_rng(4).standard_normal((9, 350, 350)).astype(np.float32)
    expected = np.linalg.svd(slices.astype(np.float64), compute_uv=False).min() ** 2
    assert eigenvalues(native, slices)[0].min() == pytest.approx(expected, rel=1e-9, abs=0)
    with Workers(3) as workers:
        [shared] = workers.each(lambda stack: native.reduced(stack, workers.share), [slices])
    native.finish(shared)
    np.testing.assert_array_equal(joined(shared), eigenvalues(native, slices)[0])


def test_empty_filters_take_no_singular_value_decomposition(native, monkeypatch):
    slices = np.random.default_rng(5).standard_normal((4, 150, 140))
    slices[1:3, :20] *= 1e-20
    slices[3, :, :2] *= 1e-30
    monkeypatch.setattr("weightscape.spectra.two_stage.by_svd", lambda _: pytest.fail("took the slow way"))
    assert_exact(eigenvalues(native, slices)[0], slices)


def test_the_band_goes_to_lapack_where_ours_does_not_converge(native, monkeypatch):
    slices = np.random.default_rng(6).standard_normal((3, 30, 20))
    expected = eigenvalues(native, slices)[0]
    monkeypatch.setattr(native, "_routines", Unconverged(native._routines))
    np.testing.assert_allclose(eigenvalues(native, slices)[0], expected, rtol=1e-12)


class Unconverged:
    """The routines, of which the last stage gives up."""

    def __init__(self, routines):
        self._routines = routines

    def __getattr__(self, name):
        return (lambda *_: 0) if name == "finish" else getattr(self._routines, name)


def network():
    """Layers of many kinds, half of them before training."""
    random = np.random.default_rng(7)
    shapes = {"a": (64, 3, 7, 7), "b": (90, 80, 3, 3), "c": (300, 130), "d": (40, 260), "e": (33, 33), "f": (9, 70, 3)}
    after = {f"{name}.weight": random.standard_normal(shape).astype(np.float32) / 9 for name, shape in shapes.items()}
    after["g.weight"] = np.full((20, 30), 0.25, np.float32)
    after["h.weight"] = np.zeros((20, 30), np.float32)
    after["i.weight"] = random.standard_normal((50, 4)) @ random.standard_normal((4, 45))
    after["j.weight"] = after["c.weight"].astype(np.float16)
    after["k.weight"] = np.where(np.arange(40)[:, None] < 3, 1e-20, random.standard_normal((40, 44)))
    before = {
        name: array + array.dtype.type(0.01) * random.standard_normal(array.shape) for name, array in after.items()
    }
    return after, before


@pytest.mark.parametrize("workers", [1, 3])
def test_the_table_is_that_of_lapack_to_nine_digits(native, workers):
    after, before = network()
    ours, ours_values = measure(after, before, settings=BARE, matrices=MATRICES, lanes=native.lanes, workers=workers)
    theirs, their_values = measure(after, before, settings=BARE, matrices=MATRICES, lanes=0)
    assert list(ours_values) == list(their_values)
    for column in theirs.columns:
        if theirs[column].dtype == float:
            np.testing.assert_allclose(ours[column], theirs[column], rtol=1e-9, atol=1e-14, err_msg=column)
        else:
            assert list(ours[column]) == list(theirs[column])
    for name, values in their_values.items():
        np.testing.assert_allclose(ours_values[name], values, rtol=1e-9, atol=1e-14 * values[-1])


def test_the_table_names_the_route(native):
    weights = {"a.weight": np.eye(20)}
    assert measure(weights, lanes=native.lanes)[0].attrs == {"eigenvalues": f"two-stage, {native.lanes} lanes"}
    assert measure(weights, lanes=0)[0].attrs == {"eigenvalues": "LAPACK"}


@pytest.mark.parametrize("lanes", [None, 0])
@pytest.mark.parametrize("matrices", [("after",), MATRICES])
def test_progress_counts_every_part_once(lanes, matrices):
    after, before = network()
    progress = Progress("spectra", len(after), stream=io.StringIO())
    resources = table.Resources(2, progress=progress, lanes=lanes)
    table.measure(row.Weights(after, before), BARE, matrices, resources)
    assert progress.done == progress.total


def test_without_a_compiler_the_table_comes_from_lapack(monkeypatch):
    monkeypatch.setattr("weightscape.spectra.two_stage.library", lambda *_: None)
    two_stage.cache_clear()
    after, _ = network()
    found, _ = measure(after, settings=BARE)
    two_stage.cache_clear()
    assert found.attrs == {"eigenvalues": "LAPACK"}
    assert found.equals(measure(after, settings=BARE, lanes=0)[0])


def test_the_source_is_in_the_package():
    assert SOURCE.is_file()
    assert squared_singular_values(np.eye(3)[None]).tolist() == [[1, 1, 1]]
