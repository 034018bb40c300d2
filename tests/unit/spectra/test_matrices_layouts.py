"""Layouts drawn at random: the matrices of a fused, stacked or grouped weight are right, or its status says no.

The truth is made first (queries, keys, values, experts, groups as matrices of their own), then stored in a layout.
"""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weightscape.formats.layouts import Structure
from weightscape.spectra.inputs import known_of
from weightscape.spectra.matrices import Known, parts, without_row

FEW = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
NAMES = {
    "stages.{}.blocks.0.attn.qkv": "by head",
    "transformer.h.{}.attn.qkv": "grouped",
    "transformer.h.{}.attn.attn": "grouped",
    "transformer.h.{}.attn.qkv_proj": "turned",
    "layers.{}.self_attn.qkv_proj": "turned",
    "model.layers.{}.self_attn.qkv_proj": "grouped",
    "gpt_neox.layers.{}.attention.query_key_value": "by head",
    "transformer.h.{}.self_attention.query_key_value": "by head",
    "model.layers.{}.attention.wqkv": "grouped",
    "stages.{}.blocks.0.attn_block.attn.qkv": "by head",
    "layers.{}.blocks.1.attn.qkv": "by head",
    "transformer.h.{}.attn.c_attn": "by head",
    "blocks.{}.attn.qkv": "blocked",
    "encoder.layers.{}.self_attn.in_proj_weight": "blocked",
    "blocks.{}.attn.Wqkv": "blocked",
    "transformer.h.{}.attn.c_attn ": "in out",
}


def stored(q: np.ndarray, k: np.ndarray, v: np.ndarray, layout: str, heads: int, keys: int) -> np.ndarray:
    """One tensor of queries [heads x d, width], keys and values [keys x d, width]."""
    if layout == "in out":
        return np.concatenate([q, k, v]).T
    if layout in ("by head", "grouped"):
        split = [piece.reshape(keys, -1, q.shape[1]) for piece in (q, k, v)]
        return np.concatenate(split, axis=1).reshape(-1, q.shape[1])
    return np.concatenate([k, v, q] if layout == "turned" else [q, k, v])


def spectrum(matrix: np.ndarray) -> np.ndarray:
    return np.linalg.svd(matrix, compute_uv=False)


def found(tensors: dict, known: Known) -> dict:
    """The singular values of each part by its name, and whether its row would be `ok`."""
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    result = {}
    for part in parts(shapes, known):
        slices = part.stacked(tensors[part.key][part.index])
        values = np.sort(np.concatenate([spectrum(matrix) for matrix in slices]))[::-1]
        result[part.name] = (values, part.status == "ok" and not part.remark)
    return result


def is_right_or_refused(rows: dict, layer: str, truth: dict) -> None:
    own = {name.rpartition("/")[2]: row for name, row in rows.items() if name.startswith(f"{layer}/")}
    assert own
    for name, (values, is_ok) in own.items():
        if is_ok:
            assert name in truth, f"{name} of {layer} is no matrix of its network"
            np.testing.assert_allclose(values, np.sort(truth[name])[::-1], rtol=1e-9, atol=1e-9)


@FEW
@given(st.sampled_from(sorted(NAMES)), st.integers(0, 3), st.sampled_from([(4, 4), (4, 2), (6, 2), (4, 1)]), st.data())
def test_queries_keys_and_values_are_right_or_refused(name, number, heads, data):
    layout = NAMES[name]
    queries, keys = heads if layout in ("grouped", "turned") else (heads[0], heads[0])
    width = queries * 4 if layout in ("blocked", "in out") else data.draw(st.sampled_from([queries * 4, 24, 30]))
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    q, k, v = (random.normal(size=(count * 4, width)) for count in (queries, keys, keys))
    layer = name.strip().format(number)
    key = layer if layer.endswith("_weight") else f"{layer}.weight"
    rows = found({key: stored(q, k, v, layout, queries, keys)}, Known())
    is_right_or_refused(rows, layer, dict(zip("qkv", map(spectrum, (q, k, v)), strict=True)))
    if layout in ("blocked", "in out"):
        assert {row[1] for row in rows.values()} == {True} and len(rows) == 3


@FEW
@given(
    st.sampled_from(
        ["blocks.{}.attn.qkv", "stages.{}.blocks.3.token_mixer.qkv", "encoder.layers.{}.self_attn.in_proj"]
    ),
    st.sampled_from([(2, 4, 10), (4, 4, 16), (2, 8, 32), (3, 4, 4)]),
    st.booleans(),
    st.integers(0, 99),
)
def test_values_wider_than_keys_are_right_or_refused(name, sizes, has_biases, seed):
    """By head, with three times as many rows as columns by chance, as in EfficientFormer-L3; the output tells."""
    heads, key, value = sizes
    width = heads * (2 * key + value) // 3
    random = np.random.default_rng(seed)
    q, k, v = (random.normal(size=(heads * side, width)) for side in (key, key, value))
    layer = name.format(0)
    split = [piece.reshape(heads, -1, piece.shape[1]) for piece in (q, k, v)]
    weight = np.concatenate(split, axis=1).reshape(-1, q.shape[1])
    parent = layer.rpartition(".")[0]
    tensors = {f"{layer}.weight": weight}
    tensors |= {f"{parent}.{word}.weight": random.normal(size=(7, len(v))) for word in ("proj", "out_proj")}
    tensors |= {f"{parent}.attention_biases": np.ones((heads, 9))} if has_biases else {}
    if key == value and (not has_biases or "in_proj" in name):
        return  # as wide as keys: blocked by the name's convention
    is_right_or_refused(found(tensors, Known()), layer, dict(zip("qkv", map(spectrum, (q, k, v)), strict=True)))


@pytest.mark.parametrize(
    "key",
    [
        *("attn.qkv.weight", "attn.to_qkv.weight", "total.0.main.1.pwise.weight", "qkv.conv.weight"),
        *("levit.encoder.stages.0.layers.0.module.queries_keys_values.linear.weight", "attn.keys_values.weight"),
        *("attn.to_q_k_v.weight", "attn.QueryKeyValue.weight", "attn.query_and_key.weight", "attn.toqkv.weight"),
    ],
)
@pytest.mark.parametrize("kernel", [(), (1,), (1, 1)])
def test_a_fused_weight_of_unknown_order_is_never_one_matrix_without_a_remark(key, kernel):
    shapes = {"stem.weight": (32, 3, 3, 3), key: (96, 32, *kernel), "attn.proj.weight": (32, 64, *kernel)}
    assert all(part.remark.startswith("whole") for part in parts(shapes) if part.key == key)


CONFIGS = {
    "gpt_neox": ("gpt_neox.layers.0.attention.query_key_value", "by head", {}),
    "bloom": ("h.0.self_attention.query_key_value", "by head", {}),
    "falcon": ("transformer.h.0.self_attention.query_key_value", "grouped", {"new_decoder_architecture": True}),
    "falcon ": ("transformer.h.0.self_attention.query_key_value", "blocked", {"multi_query": True}),
    "phi3": ("model.layers.0.self_attn.qkv_proj", "blocked", {}),
    "internlm2": ("model.layers.0.attention.wqkv", "grouped", {}),
    "gpt_bigcode": ("transformer.h.0.attn.c_attn", "blocked", {"multi_query": True}),
    "gpt_bigcode ": ("transformer.h.0.attn.c_attn", "by head", {"multi_query": False}),
    "dbrx": ("transformer.blocks.0.attn.Wqkv", "blocked", {}),
    "unheard_of": ("layers.0.self_attn.qkv_proj", "turned", {}),
}


@FEW
@given(st.sampled_from(sorted(CONFIGS)), st.sampled_from([(4, 4), (4, 2), (6, 3)]), st.booleans(), st.integers(0, 99))
def test_the_head_counts_of_a_configuration_cut_what_its_network_is_known_to_hold(model, heads, keeps, seed):
    layer, layout, more = CONFIGS[model]
    queries, keys = heads
    if layout == "by head":
        keys = queries
    if more.get("multi_query"):
        keys = 1
    config = {"model_type": model.strip(), "num_attention_heads": queries, "hidden_size": 4 * queries} | more
    config |= {"num_key_value_heads": keys, "num_kv_heads": keys}
    random = np.random.default_rng(seed)
    q, k, v = (random.normal(size=(count * 4, 4 * queries)) for count in (queries, keys, keys))
    known = known_of(json.loads(json.dumps(config))) if keeps else Known()
    rows = found({f"{layer}.weight": stored(q, k, v, layout, queries, keys)}, known)
    is_right_or_refused(rows, layer, dict(zip("qkv", map(spectrum, (q, k, v)), strict=True)))
    if keeps and model != "unheard_of":
        assert [row[1] for row in rows.values()] == [True] * 3


@FEW
@given(
    st.sampled_from(
        [
            "block_sparse_moe.input_linear.weight",
            "mlp.experts.gate_up_proj",
            "mlp.experts.down_proj",
            "feed_forward.experts.w1",
            "layers.0.moe.w_in",
            "layers.0.mlp.output_linear.weight",
            "moe_layer.experts.weight",
        ]
    ),
    st.tuples(st.integers(2, 5), st.integers(2, 9), st.integers(2, 9)),
    st.integers(0, 99),
)
def test_experts_in_one_tensor_are_matrices_of_their_own(key, shape, seed):
    tensor = np.random.default_rng(seed).normal(size=shape)
    rows = found({key: tensor, "experts.gate_up_proj_bias": np.ones(shape[:2])}, Known())
    truth = {f"expert{at}": spectrum(matrix) for at, matrix in enumerate(tensor)}
    is_right_or_refused(rows, key.removesuffix(".weight"), truth)
    assert len(rows) == shape[0]


@FEW
@given(
    st.integers(2, 4), st.integers(1, 3), st.integers(2, 3), st.sampled_from([1, 3]), st.booleans(), st.integers(0, 9)
)
def test_a_grouped_convolution_is_its_operator_or_refused(groups, rows, taken, side, is_known, seed):
    random = np.random.default_rng(seed)
    blocks = random.normal(size=(groups, rows, taken, side, side))
    weight = blocks.reshape(-1, taken, side, side)
    tensors = {"conv1.weight": random.normal(size=(groups * taken, 3, 3, 3)), "conv2.weight": weight}
    values = [spectrum(block[:, :, i, j]) for block in blocks for i in range(side) for j in range(side)]
    structure = Structure(groups={"conv2.weight": groups}) if is_known else Structure()
    own = found(tensors, Known(structure))
    is_right_or_refused(own, "conv2", {"weight": np.concatenate(values)})


@pytest.mark.parametrize(
    ("keys", "status"),
    [
        ({"a.weight": (64, 1), "a.weight.absmax": (8,)}, "quantised"),
        ({"a.qweight": (8, 64), "a.scales": (2, 64), "a.qzeros": (2, 8)}, "quantised"),
        ({"a.weight": (16, 16), "a.weight_scale_inv": (1, 1)}, "quantised"),
        ({"a.weight": (16, 16), "a.SCB": (16,)}, "quantised"),
        (
            {"a.mlp.experts.gate_up_proj_blocks": (4, 8, 2, 16), "a.mlp.experts.gate_up_proj_scales": (4, 8, 2)},
            "quantised",
        ),
        ({"block.0.mlp.mlp1_weight.blocks": (4, 8, 2, 16), "block.0.mlp.mlp1_weight.scales": (4, 8, 2)}, "quantised"),
        ({"a.lora_A.weight": (4, 16), "a.lora_B.weight": (16, 4)}, "reparametrised"),
        ({"a.hada_w1_a": (4, 16)}, "reparametrised"),
    ],
)
def test_quantised_weights_and_factors_have_a_status(keys, status):
    rows = parts(keys)
    assert rows and all(part.status.startswith(status) for part in rows)


def test_values_without_a_row_are_counted_and_bare_projections_are_rows():
    shapes = {"visual.proj": (8, 6), "text_projection": (6, 6), "pos_embed": (1, 9, 6), "norm.weight": (6,)}
    assert [part.key for part in parts(shapes)] == ["visual.proj", "text_projection"]
    assert without_row(shapes) == {"pos_embed": 54, "norm.weight": 6}
