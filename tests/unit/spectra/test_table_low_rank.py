"""Matrices and updates of low rank: rounding is neither an outlier nor a direction."""

import numpy as np
import pytest

from unit.spectra.measuring import measure
from weightscape import cli
from weightscape.formats.tables import read_table
from weightscape.spectra.table import MATRICES

RNG = np.random.default_rng(0)


def low_rank(rows: int, columns: int, rank: int) -> np.ndarray:
    return RNG.normal(size=(rows, rank)) @ RNG.normal(size=(rank, columns))


@pytest.mark.parametrize("rank", [1, 5])
def test_outliers_of_a_matrix_of_low_rank_are_its_rank(rank):
    table, _ = measure({"w.weight": low_rank(60, 40, rank)})
    assert table["num_outliers"].tolist() == [rank] and table["matrix_rank"].tolist() == [rank]


def test_outliers_of_an_update_of_low_rank_are_its_rank():
    before = RNG.normal(size=(60, 40))
    table, _ = measure({"w.weight": before + low_rank(60, 40, 5)}, {"w.weight": before}, matrices=MATRICES)
    assert table.set_index("matrix").loc["delta", "num_outliers"] == 5


@pytest.mark.parametrize("shape", [(60, 40), (40, 60)])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_an_update_along_the_leading_direction_overlaps_with_it_wholly(shape, kind):
    before = RNG.normal(size=shape).astype(kind)
    u, s, vt = np.linalg.svd(before, full_matrices=False)
    after = (before + 0.5 * s[0] * np.outer(u[:, 0], vt[0])).astype(kind)
    table, _ = measure({"w.weight": after}, {"w.weight": before}, matrices=MATRICES)
    row = table.set_index("matrix").loc["delta"]
    assert row["overlap_vectors"] == 1
    assert row["overlap_before_left"] == pytest.approx(1, abs=1e-4)
    assert row["overlap_before_right"] == pytest.approx(1, abs=1e-4)


def test_a_tensor_that_overflows_has_a_status_and_the_others_their_rows():
    table, _ = measure({"big.weight": np.full((20, 10), 1e200) * RNG.normal(size=(20, 10)), "w.weight": np.eye(8)})
    assert table["status"].tolist()[0].startswith("too large in big.weight") and len(table) == 2
    assert table["status"].tolist()[1] == "ok"


def test_outputs_do_not_overwrite_inputs_and_a_head_must_be_there(tmp_path, capsys):
    from safetensors.numpy import save_file

    path = tmp_path / "a.safetensors"
    save_file({"w.weight": RNG.normal(size=(20, 10)).astype(np.float32)}, path)
    out = str(tmp_path / "t.parquet")
    for words, said in (
        (["--esd", str(path)], "is an input, which it would overwrite"),
        (["--esd", str(tmp_path / "e.npz")], "must end in .safetensors"),
        (["--head", "fc"], "--head fc is no layer of"),
        (["--device", "nowhere"], "--device nowhere cannot be used"),
    ):
        assert cli.main(["spectra", str(path), "--out", out, *words]) == 1
        assert said in capsys.readouterr().err
    assert cli.main(["spectra", str(path), "--out", out, "--head", "w"]) == 0
    assert read_table(out)["role"].tolist() == ["head"]


def test_tensors_that_numpy_lacks_have_a_row_and_a_status(tmp_path):
    import torch

    path = tmp_path / "a.pt"
    torch.save({"w.weight": torch.randn(20, 10), "e.weight": torch.zeros(6, 4).to(torch.float8_e4m3fn)}, path)
    assert cli.main(["spectra", str(path), "--out", str(tmp_path / "t.parquet")]) == 0
    assert read_table(tmp_path / "t.parquet")["status"].tolist()[0] == "ok"


def test_rank_and_tail_of_weights_stored_in_single_precision_leave_their_rounding_out():
    stored = low_rank(60, 40, 3).astype(np.float32)
    table, _ = measure({"w.weight": stored})
    assert table["num_outliers"].tolist() == [3]
    assert np.isnan(table["tail_alpha"]).all()  # three values are no tail


def test_twelve_layers_of_attention_have_36_rows_of_queries_keys_and_values():
    from torchvision.models import VisionTransformer

    network = VisionTransformer(
        image_size=32, patch_size=16, num_layers=12, num_heads=2, hidden_dim=24, mlp_dim=48, num_classes=5
    )
    table, _ = measure({name: tensor.numpy() for name, tensor in network.state_dict().items()})
    assert (table["part"].value_counts()[["q", "k", "v"]] == 12).all()
    assert (table[table["part"].isin(["q", "k", "v"])]["status"] == "ok").all()


def test_queries_in_groups_are_not_cut_into_thirds():
    weight = RNG.normal(size=(48, 32))
    table, _ = measure({"attn.qkv_proj.weight": weight, "b.attn.qkv.weight": weight + 1})
    assert table["part"].tolist() == ["weight", "weight"]
    assert table["status"].str.startswith("whole: the order of its queries, keys and values").all()
