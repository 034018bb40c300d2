"""`weightscape spectra` on adapters of other kinds: what they change is the update, or a status, never zero."""

import json

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file

from weightscape.cli import main

RNG = np.random.default_rng(0)
PEFT = "base_model.model.{}"
CONFIG = {"r": 2, "lora_alpha": 4}


def normal(*shape):
    return RNG.normal(size=shape).astype("f4")


DOWN, UP, SQUARE = normal(2, 8), normal(10, 2), normal(8, 2)


@pytest.fixture
def run(tmp_path, capsys):
    """Write adapter, its settings and base, run the command, return the table and the words."""

    def command(adapter, base=None, code=0, **settings):
        (tmp_path / "base").mkdir(exist_ok=True)
        for folder, state in ((tmp_path, adapter), (tmp_path / "base", base or {})):
            save_file(
                {key: np.ascontiguousarray(array) for key, array in state.items()}, folder / "adapter.safetensors"
            )
        (tmp_path / "adapter_config.json").write_text(json.dumps(CONFIG | settings))
        words = ["--before", str(tmp_path / "base/adapter.safetensors")] if base else []
        path, out = str(tmp_path / "adapter.safetensors"), str(tmp_path / "t.csv")
        assert main(["spectra", path, *words, "--out", out]) == code
        said = capsys.readouterr()
        return (pd.read_csv(out).set_index(["layer", "matrix"]) if code == 0 else None), said.out + said.err

    return command


def factors(layer, down=DOWN, up=UP, names=("lora_A.weight", "lora_B.weight")):
    return {PEFT.format(f"{layer}.{name}"): array for name, array in zip(names, (down, up), strict=True)}


def is_sum(rows, layer, base, update):
    """Whether the rows of a layer are those of the base, of the base with an update, and of the update."""
    wide = base.astype(float)
    for matrix, truth in (("before", wide), ("after", wide + update), ("delta", update)):
        assert rows.loc[(layer, matrix), "norm"] == pytest.approx(np.square(truth).sum(), rel=1e-6)


@pytest.mark.parametrize("settings", [{"fan_in_fan_out": True}, {}])
def test_updates_of_conv1d_are_transposed_where_shapes_settings_or_names_tell(run, settings):
    base = {"h.0.attn.c_attn.weight": normal(8, 24), "h.0.attn.c_proj.weight": normal(8, 8)}
    square = factors("h.0.attn.c_proj", up=SQUARE)
    is_sum(run(square, base, **settings)[0], "h.0.attn.c_proj", base["h.0.attn.c_proj.weight"], 2 * (SQUARE @ DOWN).T)
    wide = normal(24, 2)
    rows, _ = run(square | factors("h.0.attn.c_attn", up=wide), base)
    is_sum(rows, "h.0.attn.c_proj", base["h.0.attn.c_proj.weight"], 2 * (SQUARE @ DOWN).T)
    queries = rows[rows["part"] == "q"]
    update = 2 * (wide @ DOWN).T
    assert queries.loc[("h.0.attn.c_attn", "delta"), "norm"] == pytest.approx(np.square(update[:, :8]).sum(), rel=1e-6)


def test_square_updates_of_a_linear_layer_stay_as_they_are(run):
    base = {"l.q.weight": normal(8, 8)}
    is_sum(run(factors("l.q", up=SQUARE), base)[0], "l.q", base["l.q.weight"], 2 * SQUARE @ DOWN)


def test_updates_of_embeddings_and_convolutions_are_products_too(run):
    base = {"emb.weight": normal(30, 10), "c.weight": normal(10, 8, 3, 3), "other.weight": normal(9, 8)}
    down, kernel = normal(2, 30), normal(2, 8, 3, 3)
    adapter = factors("emb", down, UP, ("lora_embedding_A", "lora_embedding_B"))
    adapter |= factors("c", kernel, UP[:, :, None, None])
    rows, _ = run(adapter, base)
    is_sum(rows, "emb", base["emb.weight"], 2 * (UP @ down).T)
    update = 2 * np.tensordot(UP, kernel, 1)
    assert rows.loc[("c", "delta"), "norm"] == pytest.approx(np.square(update).sum() / 2, rel=1e-6)  # ww_scale
    assert rows.loc[("other", "delta"), "status"] == "all zeros"


def test_layers_that_an_adapter_saves_whole_stand_in_place_of_those_of_the_base(run):
    base = {"l.q.weight": normal(10, 8), "score.weight": normal(6, 8), "top.weight": normal(6, 8)}
    adapter = factors("l.q") | {
        PEFT.format("score.weight"): 3 * base["score.weight"],
        PEFT.format("top.modules_to_save.weight"): normal(5, 8),
        PEFT.format("top.original_module.weight"): base["top.weight"],
        PEFT.format("top.weight"): base["top.weight"],
    }
    rows, words = run(adapter, base)
    assert rows.loc[("score", "delta"), "relative_norm"] == pytest.approx(2)
    assert rows.loc[("top", "after"), "M"] == 5 and rows.loc[("top", "delta"), "status"].startswith("shape (5, 8)")
    assert "2 tensors of the adapter stand in place of the base's" in words


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"l.q.lora_magnitude_vector": normal(10)}, "unscaled: magnitudes (DoRA)"),
        ({"o.hada_w1_a": normal(9, 2), "o.hada_w1_b": normal(2, 8)}, "unscaled: the adapter changes it by hada_w1_a"),
        ({"l.q.lora_E": normal(2, 1)}, "unscaled: the adapter changes it by lora_E"),
        ({"o.ia3_l": normal(9, 1)}, "unscaled: the adapter changes it by ia3_l"),
        ({"o.lora_A.weight": normal(2, 8)}, "unscaled: the adapter changes it by lora_A.weight"),
    ],
)
def test_changes_that_are_no_product_have_a_remark(run, change, words):
    base = {"l.q.weight": normal(10, 8), "o.weight": normal(9, 8), "other.weight": normal(7, 8)}
    rows, _ = run(factors("l.q") | {PEFT.format(key): array for key, array in change.items()}, base)
    layer = "l.q" if "l.q" in min(change) else "o"
    assert rows.loc[(layer, "delta"), "status"].startswith(words)  # and never all zeros
    assert rows.loc[(layer, "after"), "status"].startswith(words)
    assert rows.loc[("other", "after"), "status"] == "ok"


def test_several_adapters_of_one_layer_are_refused(run):
    both = factors("l.q", names=("lora_A.one.weight", "lora_B.one.weight"))
    both |= factors("l.q", names=("lora_A.two.weight", "lora_B.two.weight"))
    assert "two adapters of base_model.model.l.q.weight: save one alone" in run(both, code=1)[1]


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ({"alpha_pattern": {"(": 9}}, "ok"),
        ({"alpha_pattern": [1]}, "ok"),
        ({"alpha_pattern": {"^l.q": 4}}, "ok"),
        ({"rank_pattern": {"q": 2}, "r": 8}, "ok"),
        ({"r": 8}, "unscaled: its factors have rank 2, and adapter_config.json states 8"),
        ({"init_lora_weights": "gaussian"}, "ok"),
        ({"init_lora_weights": "pissa_niter_16"}, "unscaled: 'pissa_niter_16' has changed the base"),
        ({"kasa_config": {}, "use_bdlora": None}, "ok"),
        ({"use_bdlora": {"nblocks": 2}}, "unscaled: use_bdlora of adapter_config.json"),
        ({"init_lora_weights": "olora"}, "unscaled: 'olora' has changed the base"),
        ({"target_parameters": ["l.q.gate_up_proj"]}, "unscaled: its factors are those of several experts"),
        ({"lora_alpha": True}, "unscaled"),
        ({"lora_alpha": float("nan")}, "unscaled"),
    ],
)
def test_settings_that_make_no_sense_leave_the_scale_as_it_is_or_unknown(run, settings, status):
    rows, _ = run(factors("l.q"), **settings)
    assert list(rows["status"].str.startswith(status)) == [True]


def test_the_update_of_one_value_alone_and_of_other_makers_is_found(run):
    for names in (("lora_a.weight", "lora_b.weight"), ("lora_linear_layer.down.weight", "lora_linear_layer.up.weight")):
        rows, _ = run(factors("l.q", names=names))
        assert list(rows.index) == [("base_model.model.l.q", "delta")]
    kohya = {"lora_unet_x.lora_down.weight": DOWN, "lora_unet_x.lora_up.weight": UP, "lora_unet_x.alpha": normal(1)}
    assert list(run(kohya)[0]["status"]) == ["ok"]


def test_a_factor_with_nan_is_named_so(run):
    rows, _ = run(factors("l.q", up=UP * np.nan), {"l.q.weight": normal(10, 8)})
    assert rows.loc[("l.q", "delta"), "status"].startswith("NaN")


def test_a_pattern_of_alpha_may_begin_where_the_name_does(run):
    rows, _ = run(factors("l.q"), alpha_pattern={"^l.q": 2})
    assert rows["norm"].iloc[0] == pytest.approx(np.square(UP.astype(float) @ DOWN).sum(), rel=1e-6)


@pytest.mark.parametrize(("name", "shape"), [("lora_E", (2, 1)), ("lora_mid.weight", (2, 2)), ("lora_C", (2, 2))])
def test_a_third_factor_is_named_where_the_update_is_alone_too(run, name, shape):
    rows, _ = run(factors("l.q") | {PEFT.format(f"l.q.{name}"): normal(*shape)})
    assert rows.loc[("base_model.model.l.q", "delta"), "status"].startswith("unscaled: the adapter changes it by lora_")


def test_biases_that_an_adapter_changes_are_no_remark_on_weights(run):
    base = {"l.q.weight": normal(10, 8), "l.q.bias": normal(10), "o.weight": normal(9, 8), "o.bias": normal(9)}
    change = {"l.q.lora_B.bias": normal(10), "l.q.base_layer.bias": normal(10), "o.bias": normal(9)}
    rows, _ = run(factors("l.q") | {PEFT.format(key): array for key, array in change.items()}, base)
    assert set(rows["status"]) == {"ok", "all zeros"}


@pytest.mark.parametrize("kind", ["LOHA", "PEANUT", "PROMPT_TUNING"])
def test_an_adapter_of_another_kind_is_refused_by_its_name(run, kind):
    adapter = {PEFT.format("l.q.peanut_A.weight"): normal(10, 8)}
    for base in (None, {"l.q.weight": normal(10, 8)}):
        _, words = run(adapter, base, code=1, peft_type=kind)
        assert f"it is an adapter of kind {kind}, which is not read: merge it with its base first" in words


def test_the_update_of_torchs_attention_is_of_its_fused_weight(run):
    down, up = normal(2, 8), normal(24, 2)
    adapter = factors("a", down, up) | factors("a.base_layer.out_proj", up=SQUARE)
    base = {"a.in_proj_weight": normal(24, 8), "a.out_proj.weight": normal(8, 8)}
    update = 2 * up.astype(float) @ down
    for start in (None, base):
        rows, _ = run(adapter, start)
        own = rows[rows["part"].isin(list("qkv"))].xs("delta", level="matrix")
        assert set(own["status"]) == {"ok"} and len(own) == 3
        np.testing.assert_allclose(own["norm"], np.square(update).reshape(3, -1).sum(axis=1), rtol=1e-6)
