"""`weightscape spectra` on checkpoints as people have them: pairs that differ in form, adapters, interruptions."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import save_file

from weightscape.cli import main
from weightscape.spectra import table as engine

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.normal(size=shape).astype("f4")


@pytest.fixture
def run(tmp_path, capsys):
    """Write state dicts by name (before, after), run the command, return the table and the words."""

    def command(*words, code=0, **states):
        for name, state in states.items():
            save_file(
                {key: np.ascontiguousarray(array) for key, array in state.items()}, tmp_path / f"{name}.safetensors"
            )
        paths = [str(tmp_path / "after.safetensors")]
        paths += ["--before", str(tmp_path / "before.safetensors")] if "before" in states else []
        assert main(["spectra", *paths, "--out", str(tmp_path / "t.csv"), *words]) == code
        said = capsys.readouterr()
        rows = pd.read_csv(tmp_path / "t.csv") if code == 0 else pd.DataFrame()
        return rows, said.out + said.err

    return command


def test_tied_weights_take_the_name_that_before_has(run):
    weight = normal(20, 8)
    rows, _ = run(before={"z.embed.weight": weight}, after={"lm_head.weight": weight + 1, "z.embed.weight": weight + 1})
    assert set(rows["layer"]) == {"z.embed"} and list(rows["status"]) == ["ok"] * 3


def test_layers_that_repeat_others_are_counted(run):
    state = {f"layers.{at}.fc.weight": normal(20, 8) for at in range(2)}
    rows, words = run(after=state | {f"layers.{at + 2}.fc.weight": array for at, array in enumerate(state.values())})
    assert len(rows) == 2 and "2 tensors repeat others and have no row of their own, as layers.2.fc" in words


@pytest.mark.parametrize(("ours", "theirs"), [("model.", ""), ("", "net."), ("module.model.", ""), ("a.b.", "")])
def test_a_prefix_on_one_side_is_found(run, ours, theirs):
    weights = {"x.fc.weight": normal(9, 8), "x.proj.weight": normal(7, 8)}
    after = {ours + key: 2 * array for key, array in weights.items()}
    rows, words = run(before={theirs + key: array for key, array in weights.items()}, after=after)
    delta = rows[rows["matrix"] == "delta"]
    np.testing.assert_allclose(delta["relative_norm"], 1, rtol=1e-6)
    assert "names differ by a prefix" in words


def test_transposed_weights_are_compared_as_their_transposes(run):
    before = {"h.0.attn.c_attn.weight": normal(12, 36), "h.0.attn.c_proj.weight": normal(12, 12)}
    rows, words = run(before=before, after={key: 1.01 * array.T for key, array in before.items()})
    assert set(rows["status"]) == {"ok"} and set(rows["part"]) == {"q", "k", "v", "weight"}
    np.testing.assert_allclose(rows[rows["matrix"] == "delta"]["relative_norm"], 0.01, rtol=1e-3)
    assert "2 weights are stored transposed before" in words


def test_a_square_weight_too_far_from_both_orientations_has_a_remark(run):
    before = {"h.0.fc.weight": normal(12, 36), "h.0.proj.weight": normal(12, 12)}
    rows, _ = run(before=before, after={"h.0.fc.weight": normal(36, 12), "h.0.proj.weight": normal(12, 12)})
    square = rows[rows["layer"] == "h.0.proj"]
    assert square["status"].str.startswith("whole: other weights are stored transposed").all()


def test_experts_stored_transposed_before_are_compared_as_their_transposes(run):
    after = {"m.experts.w1": normal(3, 8, 8), "m.experts.w2": normal(3, 12, 8), "m.experts.w3": normal(3, 8, 8)}
    before = {key: np.swapaxes(array, 1, 2) for key, array in after.items()} | {"m.experts.w3": normal(3, 8, 8)}
    rows, words = run(before=before, after={key: np.float32(1.01) * array for key, array in after.items()})
    told = rows[(rows["matrix"] == "delta") & (rows["layer"] != "m.experts.w3")]
    np.testing.assert_allclose(told["relative_norm"], 0.01, rtol=1e-3)
    assert set(told["status"]) == {"ok"} and "2 weights are stored transposed before" in words
    assert rows[rows["layer"] == "m.experts.w3"]["status"].str.startswith("whole: other weights").all()


def test_a_prefix_that_is_not_the_only_one_is_named_with_the_other(run):
    weight = normal(9, 8)
    _, words = run(before={"student.fc.weight": weight, "teacher.fc.weight": 2 * weight}, after={"fc.weight": weight})
    assert "none after is student. before (teacher. would do as well)" in words


FACTORS = {"q.lora_A.weight": normal(3, 8), "q.lora_B.weight": normal(10, 3)}
PRODUCT = FACTORS["q.lora_B.weight"].astype(float) @ FACTORS["q.lora_A.weight"]


def adapter(names="base_model.model.l.{}"):
    return {names.format(key): array for key, array in FACTORS.items()}


def test_an_adapter_alone_is_an_update(run, tmp_path):
    rows, words = run(after=adapter())
    assert list(rows["matrix"]) == ["delta"] and rows["status"][0].startswith("unscaled")
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 3, "lora_alpha": 6}))
    rows, words = run(after=adapter())
    assert list(rows["status"]) == ["ok"] and "adapter without its base" in words
    assert rows["norm"][0] == pytest.approx(4 * np.square(PRODUCT).sum())


def test_an_adapter_with_its_base_is_delta(run, tmp_path):
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 3, "lora_alpha": 6}))
    base = {"l.q.weight": normal(10, 8), "other.weight": normal(5, 6)}
    rows, _ = run(after=adapter(), before=base)
    rows = rows[rows["layer"] == "l.q"].set_index("matrix")
    assert rows.loc["delta", "norm"] == pytest.approx(4 * np.square(PRODUCT).sum()) and rows.loc["delta", "rank"] == 3
    merged = base["l.q.weight"].astype(float) + 2 * PRODUCT
    assert rows.loc["after", "norm"] == pytest.approx(np.square(merged).sum())
    whole = adapter() | {"base_model.model.l.q.base_layer.weight": base["l.q.weight"]}
    own, _ = run(after=whole)
    assert own["norm"][0] == pytest.approx(np.square(merged).sum())


def test_an_adapter_of_another_base_is_one_sentence(run):
    _, words = run(after=adapter(), before={"other.weight": normal(5, 6)}, code=1)
    assert "which is not in --before: give its own base" in words


@pytest.mark.parametrize(
    ("pattern", "layers"),
    [
        ("blocks.1", {"blocks.1.fc"}),
        ("blocks.1*", {"blocks.1.fc", "blocks.10.fc"}),
        (r"\.(1|2)\.", {"blocks.1.fc", "blocks.2.fc"}),
        ("*fc", {"blocks.1.fc", "blocks.2.fc", "blocks.10.fc"}),
    ],
)
def test_layers_are_chosen_by_pattern(run, pattern, layers):
    state = {f"blocks.{at}.fc.weight": normal(9, 8) for at in (1, 2, 10)} | {"head.weight": normal(9, 8)}
    assert set(run("--layers", pattern, after=state)[0]["layer"]) == layers


def test_the_ending_of_a_weight_may_be_named(run):
    state = {f"{at}.fc.weight": normal(9, 8) for at in range(2)}
    assert list(run("--layers", "1.fc.weight", after=state)[0]["layer"]) == ["1.fc"]


@pytest.mark.parametrize("option", ["--layers", "--plot-layers"])
@pytest.mark.parametrize(("pattern", "words"), [("other", "other names no layer"), ("(", "'(' is no regular exp")])
def test_each_pattern_names_a_layer_or_is_refused_before_anything_is_measured(run, tmp_path, option, pattern, words):
    plot = ("--plot", str(tmp_path / "x.png"))
    said = run(*plot, option, "fc", option, pattern, after={"fc.weight": normal(9, 8)}, code=1)[1]
    assert f"{option} {words}" in said and not (tmp_path / "t.csv").exists()


def test_layers_to_draw_without_a_plot_are_refused(run):
    assert "--plot-layers needs --plot" in run("--plot-layers", "fc", after={"fc.weight": normal(9, 8)}, code=1)[1]


def test_an_interrupted_run_goes_on_with_the_next_matrix(run, tmp_path, monkeypatch):
    state = {f"{at}.fc.weight": normal(12, 10) for at in range(6)}
    whole, _ = run("--workers", "1", after=state)
    real, measured = engine._measure_part, []

    def stopping(part, *rest):
        if len(measured) == 4:
            raise KeyboardInterrupt
        measured.append(part.name)
        return real(part, *rest)

    monkeypatch.setattr(engine, "_measure_part", stopping)
    (tmp_path / "t.csv").unlink()
    with pytest.raises(KeyboardInterrupt):
        main(["spectra", str(tmp_path / "after.safetensors"), "--out", str(tmp_path / "t.csv"), "--workers", "1"])
    with (tmp_path / ".t.csv.partial").open("a") as stream:
        stream.write('{"part": "5.fc/wei')  # as a kill leaves it
    first = set(measured)
    measured.clear()
    monkeypatch.setattr(engine, "_measure_part", lambda part, *rest: measured.append(part.name) or real(part, *rest))
    rows, words = run("--workers", "1")
    assert "resumed: 4 of 6" in words and len(measured) == 2 and not first & set(measured)
    pd.testing.assert_frame_equal(rows, whole, check_exact=True)
    assert not (tmp_path / ".t.csv.partial").exists()


@pytest.mark.parametrize(("large", "sizes"), [(1e12, [7]), (1.0, [2, 2, 2, 1])])
def test_of_large_matrices_a_kill_loses_one_for_each_worker(run, monkeypatch, large, sizes):
    monkeypatch.setattr(engine, "LARGE", large)
    real, batches = engine._of_parts, []
    monkeypatch.setattr(
        engine, "_of_parts", lambda work, parts, by: batches.append(len(parts)) or real(work, parts, by)
    )
    rows, _ = run("--workers", "2", after={f"{at}.weight": normal(9, 8) for at in range(7)})
    assert batches == sizes and list(rows["status"]) == ["ok"] * 7


def test_other_inputs_start_anew(run, tmp_path):
    (tmp_path / ".t.csv.partial").write_text('"of other inputs"\n{"part": "fc/weight", "rows": {}, "values": {}}\n')
    rows, words = run(after={"fc.weight": normal(9, 8)})
    assert len(rows) == 1 and "resumed" not in words


def test_means_are_printed_and_spectra_drawn(run, tmp_path):
    rows, words = run("--plot", str(tmp_path / "x.png"), after={"fc.weight": normal(30, 20), "b": normal(3)})
    assert f"log_norm {rows['log_norm'][0]:.4g}" in words and "1 spectra drawn" in words
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    assert "1 vectors (biases, norms), 3 values" in words


def test_a_matrix_of_zeros_is_not_drawn(run, tmp_path, recwarn):
    state = {"fc.weight": normal(30, 20), "zeros.weight": np.zeros((9, 8), "f4")}
    assert "1 spectra drawn" in run("--plot", str(tmp_path / "x.png"), after=state)[1] and not recwarn.list


@pytest.mark.parametrize("device", ["nothing", "meta", "cuda:99"])
def test_a_device_that_cannot_decompose_is_one_sentence(run, device):
    _, words = run("--device", device, after={"fc.weight": normal(9, 8)}, code=1)
    assert f"--device {device} cannot be used" in words and "Traceback" not in words


def test_a_live_state_dict_of_torch_is_measured():
    from unit.spectra.measuring import measure

    table, _ = measure(torch.nn.Linear(8, 6).state_dict())  # pyright: ignore[reportArgumentType]
    assert list(table["status"]) == ["ok"]
