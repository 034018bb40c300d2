"""Matrices inferred from names and shapes."""

import numpy as np
import pytest

from unit.spectra.measuring import measure
from weightscape.spectra.matrices import FACTOR, parts, tied


def only(key, shape):
    (part,) = parts({key: shape})
    return part


def test_a_fused_attention_weight_is_split_in_query_key_and_value():
    tensor = np.arange(3 * 4 * 4.0).reshape(12, 4)
    for key in ("block.0.attn.qkv.weight", "layers.0.self_attention.in_proj_weight"):
        found = parts({key: tensor.shape})
        assert [part.part for part in found] == ["q", "k", "v"]
        np.testing.assert_array_equal(np.concatenate([part.stacked(tensor[part.index])[0] for part in found]), tensor)


def test_a_transposed_fused_weight_is_split_along_its_second_axis():
    tensor = np.arange(4 * 12.0).reshape(4, 12)
    found = parts({"h.0.attn.c_attn.weight": tensor.shape})
    np.testing.assert_array_equal(
        np.concatenate([part.stacked(tensor[part.index])[0] for part in found], axis=1), tensor
    )


def test_the_slices_of_a_convolution_are_its_kernel_positions():
    tensor = np.random.default_rng(0).standard_normal((8, 6, 3, 3))
    part = only("conv.weight", tensor.shape)
    assert (part.kind, part.slices, part.larger, part.smaller) == ("conv2d", 9, 8, 6)
    np.testing.assert_array_equal(part.stacked(tensor[part.index])[5], tensor[:, :, 1, 2])


def test_depthwise_and_one_row_weights_have_a_status():
    assert only("conv_dw.weight", (32, 1, 3, 3)).status.startswith("depthwise")
    assert only("score.weight", (1, 64)).status.startswith("one row")
    assert only("pointwise.weight", (32, 16, 1, 1)).status == "ok"


def test_embeddings_and_linear_layers_are_told_apart_by_name():
    assert only("embeddings.position_embedding.weight", (50, 32)).kind == "embedding"
    assert only("transformer.wte.weight", (50, 32)).kind == "embedding"
    assert only("patch_embed.proj.weight", (32, 48)).kind == "embedding"
    assert only("mlp.fc1.weight", (64, 32)).kind == "linear"


@pytest.mark.parametrize(
    ("key", "shape"),
    [
        ("norm.weight", (8,)),
        ("fc.bias", (8,)),
        ("cls_token", (1, 1, 8)),
        ("pos_embed", (1, 9, 8)),
        ("w.weight", (0, 3)),
    ],
)
def test_norms_biases_tokens_and_empty_tensors_are_not_weights(key, shape):
    assert parts({key: shape}) == []


def test_a_tensor_stored_twice_is_tied_by_memory_or_by_content():
    weight = np.random.default_rng(0).standard_normal((5, 4))
    tensors = {
        "wte.weight": weight,
        "other.weight": weight + 1,
        "lm_head.weight": weight,
        "copy.weight": weight.copy(),
    }
    assert tied(tensors, tensors) == {"lm_head.weight": "wte.weight", "copy.weight": "wte.weight"}


def test_two_layers_at_the_same_constant_are_not_tied():
    tensors = {"a.weight": np.zeros((4, 4)), "b.weight": np.zeros((4, 4))}
    assert tied(tensors, tensors) == {}


@pytest.mark.parametrize(
    ("key", "shape"),
    [("stages.0.blocks.0.attn_block.attn.qkv.weight", (12, 4)), ("stages.2.blocks.0.attn.qkv.weight", (12, 4, 1, 1))],
)
def test_weights_that_are_ordered_by_head_first_are_not_cut_into_thirds(key, shape):
    from weightscape.spectra.matrices import parts

    assert [part.part for part in parts({key: shape})] == ["weight"]
    assert [part.part for part in parts({"blocks.0.attn.qkv.weight": (12, 4)})] == ["q", "k", "v"]


@pytest.mark.parametrize(
    "ending", ["weight_orig", "weight_v", "parametrizations.weight.original", "parametrizations.weight.original1"]
)
def test_a_reparametrised_weight_has_a_row_that_says_so(ending):
    table, _ = measure({f"fc.{ending}": np.ones((4, 3))})
    assert table["status"].to_list() == [FACTOR]


def test_entries_whose_squares_underflow_are_not_called_zeros():
    tiny = 1e-170 * np.random.default_rng(0).standard_normal((4, 3))
    table, _ = measure({"a.weight": tiny, "b.weight": np.zeros((4, 3))})
    assert table["status"].to_list() == ["too small for float64: squares of the entries are zero", "all zeros"]
