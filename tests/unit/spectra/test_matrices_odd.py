"""Weights under rarer names and in rarer shapes: parametrisations, experts of other makers, transposed convolutions."""

import numpy as np
import pytest

from unit.spectra.measuring import measure
from weightscape.spectra.attention import Heads
from weightscape.spectra.matrices import Known, parts
from weightscape.spectra.table import MATRICES

RNG = np.random.default_rng(0)
SQUEEZED = {"embed.weight": (99, 8), "0.attention.conv1d.weight": (8, 8, 1), "0.inner.conv1d.weight": (32, 2, 1)}
BIT = {"stages.0.blocks.0.norm1.weight": (8,), "stages.0.blocks.0.conv1.weight": (8, 8, 1, 1)}  # standardised


def ok(keys: dict, key: str) -> bool:
    """Whether the tensor has a row without a remark."""
    return any(part.key == key and part.status == "ok" and not part.remark for part in parts(keys))


@pytest.mark.parametrize(
    ("key", "beside"),
    [
        ("l.weight_ih_l0_v", {"l.weight_ih_l0_g": (32, 1)}),
        ("l.weight_ih_l0_orig", {"l.weight_ih_l0_mask": (32, 8)}),
        ("l.in_proj_weight_orig", {"l.in_proj_weight_mask": (32, 8)}),
        ("l.parametrizations.weight_hh_l0.original1", {"l.parametrizations.weight_hh_l0.original0": (32, 1)}),
        ("l.parametrizations.in_proj_weight.original", {}),
        ("l.lora_a.weight", {}),
        ("l.lora_linear_layer.down.weight", {}),
        ("l.qkv_lora1.up.weight", {}),
        ("l.lora_B.default", {}),
        ("lora_unet_down_blocks_0_to_q.a1.weight", {}),
        ("l.res_centroids.weight", {}),
        ("l.Qidxs", {}),
    ],
)
def test_factors_of_any_parameter_have_a_status_and_their_masks_no_row(key, beside):
    found = parts({key: (32, 8), **beside})
    assert [part.key for part in found if "original0" not in part.key] == [key]
    assert not ok({key: (32, 8), **beside}, key)


def test_the_projection_of_a_recurrent_layer_is_a_matrix():
    shapes = {f"rnn.weight_{word}_l1{ending}": (24, 5) for word in ("ih", "hh", "hr") for ending in ("", "_reverse")}
    assert all(ok(shapes, key) for key in shapes) and ok({"cell.weight_hh": (24, 6)}, "cell.weight_hh")


@pytest.mark.parametrize("key", ["m.switch_mlp.up_proj.weight", "m.experts.weight", "m.experts_w1"])
def test_experts_of_other_makers_are_matrices_of_their_own(key):
    assert [part.part for part in parts({key: (3, 8, 6)})] == ["expert0", "expert1", "expert2"]


@pytest.mark.parametrize("shape", [(4, 32, 16, 3, 3), (4, 32, 16, 3)])
def test_experts_of_more_axes_are_not_called_a_convolution_without_a_remark(shape):
    assert not ok({"stem.weight": (16, 3, 3, 3), "experts.weight": shape}, "experts.weight")


def test_experts_numbered_in_their_names_are_matrices_and_stacked_ones_have_a_remark():
    numbered = {f"m.experts.linear_fc1.weight{at}": (32, 16) for at in range(3)}
    assert all(ok(numbered, key) for key in numbered)
    stacked = {f"m.experts.weight{at}": (32, 16) for at in (1, 2)}
    assert not any(ok(stacked, key) for key in stacked)


def test_kernels_along_three_axes_that_are_as_long_as_layers_are_doubted():
    dynamic = {"conv1.weight": (64, 3, 3, 3), "block.conv.weight": (4, 64, 64, 3, 3)}
    assert not ok(dynamic, "block.conv.weight")
    assert ok({"patch.proj.weight": (96, 3, 2, 16, 16), "x.weight": (96, 96)}, "patch.proj.weight")


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("name", ["deconv", "layers.3"])
def test_the_bias_of_a_transposed_convolution_tells_its_groups(groups, name):
    tensor = RNG.normal(size=(16, 6, 4, 4))
    state = {"stem.weight": RNG.normal(size=(16, 3, 3, 3)), f"{name}.weight": tensor}
    table, values = measure(state | {f"{name}.bias": np.zeros(6 * groups)})
    row = table[table["layer"] == name].iloc[0]
    blocks = tensor.reshape(groups, -1, 6, 16)
    truth = [np.linalg.svd(blocks[g, :, :, k], compute_uv=False) ** 2 for g in range(groups) for k in range(16)]
    assert row["status"] == "ok" and row["rf"] == 16 * groups
    np.testing.assert_allclose(values[f"after/{name}/weight"], np.sort(np.concatenate(truth)), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "layer",
    [
        "blocks.0.att_proj",
        "b.query_key",
        "attn.layernorm_qkv.1",
        "attn.kqv",
        "a.vk_proj",
        "single_blocks.3.linear1",
        "layer.0.attention.self.in_proj",
        "layers.0.self_attn.in_projs.0",
        "layers.0.fused_attn_ff_proj",
        "blocks.0.in_proj",
        "attn.qkv_proj.block.conv",
        "attn.to_kv.net.2",
        "self_attention._combined_projection",
        "blocks.0.projections",
    ],
)
def test_more_names_of_fused_attention_have_a_remark(layer):
    assert [part.remark[:5] for part in parts({f"{layer}.weight": (48, 16)})] == ["whole"]


def test_attention_with_biases_of_positions_is_by_head_under_the_name_of_torch():
    """SpeechBrain's RelPosMHAXL."""
    shapes = {"mha.in_proj_weight": (48, 16), "mha.pos_bias_u": (4, 4), "mha.pos_bias_v": (4, 4)}
    assert [part.remark[:5] for part in parts(shapes)] == ["whole"]


@pytest.mark.parametrize("layer", ["decoder.up.0.conv_b", "up.0", "net.up1.conv.0"])
def test_a_convolution_in_a_module_that_goes_up_is_no_transposed_one_of_several_groups(layer):
    shapes = {
        "stem.weight": (16, 3, 3, 3),
        "stem.bias": (16,),
        f"{layer}.weight": (64, 16, 3, 3),
        f"{layer}.bias": (64,),
    }
    [part] = [part for part in parts(shapes) if part.layer == layer]
    assert part.groups == 1 and (part.rows, part.columns) == (64, 16) and not part.remark


def test_experts_before_have_the_sides_of_those_after():
    experts = RNG.normal(size=(3, 12, 8))
    table, _ = measure({"m.experts.w1": experts + 1}, {"m.experts.w1": experts}, matrices=MATRICES)
    assert set(table["N"]) == {12} and set(table["M"]) == {8}
    more, _ = measure({"m.experts.w1": np.ones((4, 12, 8))}, {"m.experts.w1": experts}, matrices=MATRICES)
    before = more[more["matrix"] == "before"]
    assert (
        set(before["N"]) == {12} and set(before["M"]) == {8} and list(before["status"] == "ok") == [True] * 3 + [False]
    )


def test_two_keys_of_one_layer_have_rows_of_their_own():
    state = {"a.proj": RNG.normal(size=(5, 4)), "a.proj.weight": RNG.normal(size=(6, 4))}
    table, values = measure(state)
    assert list(table["layer"]) == ["a.proj", "a.proj.weight"] and len(values) == 2
    np.testing.assert_allclose(table["norm"], [np.square(array).sum() for array in state.values()])


@pytest.mark.parametrize(
    ("key", "shape", "beside"),
    [
        ("l.weight", (10, 6), {"l.mask": (10, 6)}),  # MADE
        ("l.weight", (10, 6), {"l.mask_scores": (10, 6)}),  # movement pruning
        ("c.weight", (16, 3, 3, 3), {"c.gain": (16, 1, 1, 1)}),  # standardised weights of NFNet
        ("rnn.module.weight_hh_l0", (32, 8), {"rnn.weight_hh_l0_raw": (32, 8)}),  # AWD-LSTM
        ("l.spline_weight", (10, 6, 8), {}),  # KAN
        ("conv1.weight", (90, 16, 16), {"conv1.bias": (16,)}),  # RGCN [relations, in, out]
        ("conv1.weight", (3, 20, 16), {"conv1.bias": (16,)}),  # ChebConv [order, in, out]
        ("conv.weight", (5, 16, 3, 3, 3), {"conv.bias": (5, 16)}),  # five networks stacked
        ("conv.weight", (64, 3, 3, 32), {"x.weight": (32, 3, 3, 3)}),  # channels last
        ("patch.proj.weight", (32, 2, 14, 14, 3), {"x.weight": (2, 3, 2, 2)}),
        ("expert_conv.weight", (64, 32, 3), {}),
        ("conv_dw.weight", (32, 8, 3, 3), {"bn1.weight": (32,), "stem.weight": (8, 3, 3, 3)}),
        ("bilinear.weight", (9, 7, 5), {"bilinear.bias": (9,)}),
        ("0.weight", (9, 5, 7), {"0.bias": (9,)}),  # bilinear too
        ("blocks.weight", (8, 16, 16), {}),  # blocks along a diagonal
        ("mlstm.q_proj.weight", (32, 4, 4), {}),  # small blocks in xLSTM
        ("conv1.weight", (32, 3, 80), {"conv2.weight": (32, 3, 32)}),  # channels last, along one axis
        ("conv.weight", (3, 3, 16, 32), {}),  # channels last and the kernel first
        ("conv.weight", (3, 3, 3, 16, 16), {}),
        ("c.weight", (16, 8, 3, 3), {"stem.weight": (8, 3, 3, 3), "c.affine.weight": (8, 32)}),  # modulated in StyleGAN
        ("c.weight", (16, 8, 3, 3), {"stem.weight": (8, 3, 3, 3), "c.u0": (1, 16)}),  # spectral norm of BigGAN
        ("l.weight", (10, 6), {"l.weight_fake_quant.scale": (1,)}),
        ("l.weight", (10, 6), {"l._weight_quantizer._amax": ()}),
        ("mlp.up_proj.weight", (10, 6), {"mlp.ffn_sub_norm.weight": (10,)}),  # BitNet
        ("l._weight_qdata", (10, 6), {"l._weight_scale": (10, 1)}),  # torchao
        ("a.adapter_layer.lora_kqv_adapter.linear_in.weight", (4, 6), {}),  # NeMo
        ("l.adapter.linear_out.weight", (10, 4), {}),
        ("l.to_wrap.weight", (10, 6), {"l.adapter.linear_in.weight": (4, 6)}),
        ("stages.0.blocks.0.conv2.weight", (8, 8, 3, 3), BIT),
        ("stem.conv.weight", (8, 3, 7, 7), BIT),
        ("0.output.conv1d.weight", (8, 8, 1), SQUEEZED),
    ],
)
def test_what_may_be_another_operator_has_a_status(key, shape, beside):
    assert parts({key: shape})
    assert not ok({**beside, key: shape}, key)


@pytest.mark.parametrize(
    ("key", "shape", "beside"),
    [
        ("stages.0.blocks.0.conv1.weight", (8, 8, 1, 1), BIT | {"stages.0.blocks.0.norm1.running_mean": (8,)}),
        ("stem.conv.weight", (8, 3, 7, 7), {"stages.0.blocks.0.norm1.weight": (8,)}),  # MetaFormer
        ("attn_sub_norm.weight", (8, 8), {}),
        ("conv.weight", (3, 3, 7, 7), {}),
        ("0.weight", (8, 3, 3), {"0.bias": (8,)}),
        ("up.conv.weight", (64, 1, 32), {"a.conv.weight": (32, 64, 3)}),
        ("adapter1.module.1.weight", (4, 8), {}),
    ],
)
def test_what_only_looks_like_another_operator_has_no_remark(key, shape, beside):
    assert not any(part.remark or "reparam" in part.status for part in parts({**beside, key: shape}) if part.key == key)


@pytest.mark.parametrize(
    ("shape", "bias"), [((7, 200, 12), (7, 1, 12)), ((5, 10, 8), (5, 10)), ((4, 8, 8), (4, 8)), ((5, 10, 8), (5, 8))]
)
def test_a_row_of_biases_for_each_tells_matrices_of_an_ensemble(shape, bias):
    found = parts({"nn.weight": shape, "nn.bias": bias})
    assert [(part.rows, part.columns) for part in found] == [shape[1:]] * shape[0]


@pytest.mark.parametrize("key", ["experts.expert_0.conv1d.weight", "expert_1.0.weight", "expert2.fc.weight"])
def test_a_convolution_of_one_expert_is_no_stack_of_matrices(key):
    found = parts({key: (64, 32, 3), key.replace("weight", "bias"): (64,)})
    assert [(part.kind, part.slices, part.rows, part.columns) for part in found] == [("conv1d", 3, 64, 32)]


def test_experts_are_cut_by_rows_only_where_the_width_shows_that_they_stand_below_each_other():
    """Megatron's `weight1` [width, experts x rows] is read as [experts, width, rows]."""
    known = Known(experts=4, heads=Heads("", 16, 4, 4, 4))
    shapes = {"mlp.experts.weight1": (16, 64), "mlp.experts.weight2": (64, 16)}
    assert [part.part for part in parts(shapes, known)] == ["weight", *(f"expert{at}" for at in range(4))]
    for told in (known, Known(experts=4)):
        for key, shape in {"experts.w1": (16, 64), "experts.w2": (16, 16), "experts.w3": (64, 24)}.items():
            assert [part.remark[:5] for part in parts({key: shape}, told)] == ["whole"]


@pytest.mark.parametrize("key", ["mlp.experts.fc1.weight", "experts.weight", "moe_layer.experts.w1_weight"])
def test_a_layer_of_all_experts_has_a_remark(key):
    for known in (Known(), Known(experts=4, heads=Heads("", 16, 4, 4, 4))):
        assert [part.remark[:5] for part in parts({key: (64, 16)}, known)] == ["whole"]


@pytest.mark.parametrize(
    "key",
    ["gemma_expert.layers.0.q_proj.weight", "moe.shared_experts.up.weight", "moe.fc.weight", "experts.0.fc.weight"],
)
def test_a_layer_of_one_expert_has_no_remark(key):
    assert ok({key: (64, 16)}, key)


@pytest.mark.parametrize("key", ["soft_moe.phi", "moe.slots", "experts.w1", "experts.fc1.weight"])
def test_experts_that_do_not_stand_first_have_no_rows_of_their_own(key):
    assert not any(part.part != "weight" or not part.remark for part in parts({key: (16, 4, 24)}, Known(experts=4)))


@pytest.mark.parametrize("shape", [(6, 5), (8, 6, 5), (8, 5, 5)])
def test_a_norm_over_several_axes_is_no_matrix(shape):
    assert parts({"net.0.weight": shape, "net.0.bias": shape}) == []
