"""`ws.spectra` and `ws.esd`: the same numbers from every form of a network, and tables that `ws.reanalyse` reads."""

import doctest
import re
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import timm
import torch
from safetensors.numpy import save_file

import weightscape as ws
from weightscape.cli import main
from weightscape.library import networks
from weightscape.project import PACKAGE
from weightscape.spectra.columns import COLUMNS


def network() -> torch.nn.Module:
    torch.manual_seed(3)
    return torch.nn.Sequential(
        OrderedDict(body=torch.nn.Conv2d(3, 20, 3), norm=torch.nn.BatchNorm2d(20), head=torch.nn.Linear(40, 30))
    )


def arrays(module: torch.nn.Module) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in module.state_dict().items()}


def test_the_examples_in_the_docstrings_are_true() -> None:
    found = doctest.testmod(networks)
    assert found.attempted and not found.failed


def test_every_form_of_a_network_gives_the_same_table(tmp_path: Path) -> None:
    module = network()
    state = module.state_dict()
    save_file(arrays(module), tmp_path / "a.safetensors")
    torch.save(state, tmp_path / "a.pth")
    expected = ws.spectra(module)
    forms = [
        state,
        {"state_dict": state, "epoch": 3},
        arrays(module),
        torch.nn.DataParallel(module),
        {f"_orig_mod.{name}": value for name, value in state.items()},
        tmp_path / "a.pth",
        str(tmp_path / "a.safetensors"),
    ]
    for form in forms:
        found = ws.spectra(form).sort_values("longname").reset_index(drop=True)
        pd.testing.assert_frame_equal(found.drop(columns="layer_id"), expected.drop(columns="layer_id"))
    assert list(expected.columns) == ["layer_id", "longname", *COLUMNS]


def test_half_precisions_are_measured_as_their_exact_values() -> None:
    weight = torch.randn(40, 20, generator=torch.Generator().manual_seed(1))
    for dtype in (torch.bfloat16, torch.float16):
        narrow = {"layer.weight": weight.to(dtype)}
        wide = {"layer.weight": weight.to(dtype).double().numpy()}
        np.testing.assert_array_equal(ws.esd(narrow)["layer"], ws.esd(wide)["layer"])


def test_eigenvalues_are_squared_singular_values_of_every_kernel_position() -> None:
    module = network()
    values = ws.esd(module)
    kernel = arrays(module)["body.weight"]
    slices = [np.linalg.svd(kernel[:, :, i, j], compute_uv=False) ** 2 for i in range(3) for j in range(3)]
    np.testing.assert_allclose(values["body"], np.sort(np.concatenate(slices)), rtol=1e-5)
    assert list(ws.esd(module, "head")) == ["head"]


def test_a_single_matrix_is_a_network() -> None:
    matrix = np.random.default_rng(0).standard_normal((30, 20))
    assert ws.spectra(matrix)["log_norm"].iloc[0] == pytest.approx(np.log10((matrix**2).sum()))


def test_the_update_of_an_array_is_after_minus_before(rng: np.random.Generator) -> None:
    before = {"a.weight": rng.standard_normal((30, 20))}
    update = rng.standard_normal((30, 20))
    table = ws.spectra({"a.weight": before["a.weight"] + update}, before).set_index("matrix")
    assert table.loc["delta", "norm"] == pytest.approx((update**2).sum())
    assert set(table["layer_id"]) == {0}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"a": 3}, "holds no arrays by name"),
        ({"bias": np.zeros(3)}, "no weight matrices"),
        (np.zeros(3), "cannot be a ndarray"),
        ("nowhere.pth", "nowhere.pth"),
        ({"a.weight": torch.empty(4, 3, device="meta")}, "device `meta`"),
    ],
)
def test_what_is_no_network_is_refused_in_one_sentence(given: object, words: str) -> None:
    with pytest.raises(ws.UserError, match=words):
        ws.spectra(given)


def test_networks_without_a_common_weight_and_unknown_names_are_refused() -> None:
    one, other = {"a.weight": np.eye(3)}, {"b.weight": np.eye(3)}
    with pytest.raises(ws.UserError, match="share no weight"):
        ws.spectra(one, other)
    with pytest.raises(ws.UserError, match="head c is no layer"):
        ws.spectra(one, head="c")
    with pytest.raises(ws.UserError, match="add = 'nul'"):
        ws.spectra(one, add=["nul"])
    with pytest.raises(ws.UserError, match="no layer of the network"):
        ws.esd(one, "c")


@pytest.mark.cuda
def test_tensors_on_a_gpu_are_measured_as_on_the_cpu() -> None:
    module = network()
    expected = ws.spectra(module)
    pd.testing.assert_frame_equal(ws.spectra(module.cuda()), expected)


@pytest.mark.process
def test_the_package_is_imported_without_the_libraries_that_it_needs_later() -> None:
    program = (
        "import sys, weightscape as ws; print([name for name in ('numpy', 'pandas', 'torch') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_names_of_the_face_win_over_packages_which_stay_importable() -> None:
    import weightscape.spectra.table as table
    from weightscape.diversity import vendi

    assert callable(ws.spectra) and callable(ws.diversity) and callable(table.measure) and vendi.score
    assert [name for name in dir(ws) if not name.startswith("__")] == sorted(ws.__all__)
    star: dict[str, object] = {}
    exec("from weightscape import *", star)
    assert {name: getattr(ws, name) for name in ws.__all__}.items() <= star.items()
    assert all(getattr(ws, name).__doc__ for name in ws.__all__)
    stubs = re.findall(r"from weightscape\.([\w.]+) import (\w+) as \2\n", (PACKAGE / "__init__.pyi").read_text())
    assert {name: module for module, name in stubs} == ws._MODULES


def test_a_training_state_is_read_alike_from_memory_from_its_file_and_by_the_command(tmp_path: Path) -> None:
    state = network().state_dict()
    averaged = {name: value + 1 for name, value in state.items()}
    both = {"state_dict": state, "state_dict_ema": averaged, "optimizer": {"state": {}}, "epoch": 3}
    torch.save(both, tmp_path / "last.pth")
    expected = ws.spectra(averaged)
    main(["spectra", str(tmp_path / "last.pth"), "--out", str(tmp_path / "t.csv")])
    command = pd.read_csv(tmp_path / "t.csv")
    for found in (ws.spectra(both), ws.spectra(tmp_path / "last.pth"), command):
        by_name = found.set_index("layer")["norm"]
        pd.testing.assert_series_equal(by_name, expected.set_index("layer")["norm"].loc[by_name.index])


def test_fused_attention_of_a_network_of_timm_is_cut_as_the_network_does() -> None:
    module = timm.create_model("tiny_vit_5m_224", pretrained=False, num_classes=3).eval()
    name = next(name for name in module.state_dict() if name.endswith("attn.qkv.weight"))
    attention = module.get_submodule(name.removesuffix(".qkv.weight"))
    rows = module.state_dict()[name].reshape(attention.num_heads, -1, module.state_dict()[name].shape[1])
    key, value = attention.key_dim, attention.val_dim
    pieces = {"q": rows[:, :key], "k": rows[:, key : 2 * key], "v": rows[:, 2 * key : 2 * key + value]}
    table = ws.spectra(module).set_index("longname")
    for part, piece in pieces.items():
        row = table.loc[f"{name.removesuffix('.weight')}.{part}"]
        assert row["norm"] == pytest.approx(float(piece.double().square().sum())) and row["status"] == "ok"


def test_one_slice_of_a_network_has_no_matrix_that_is_ok_and_its_table_the_sentences(tmp_path: Path) -> None:
    for at in range(2):
        torch.save({"model": network().state_dict()}, tmp_path / f"mp_rank_0{at}_model_states.pt")
    table = ws.spectra(tmp_path / "mp_rank_00_model_states.pt")
    assert set(table["status"]) == {"whole: as the file has it, which is one of 2 slices of a network"}
    assert "one of 2 slices" in table.attrs["notes"][0]


@pytest.mark.parametrize("transposed", [False, True])
def test_the_groups_of_a_module_are_its_own(transposed: bool) -> None:
    layer = (
        torch.nn.ConvTranspose1d(8, 8, 3, groups=2, bias=False) if transposed else torch.nn.Conv1d(32, 8, 3, groups=4)
    )
    first = torch.nn.Conv1d(8, 32, 1) if not transposed else torch.nn.Conv1d(4, 4, 1)
    module = torch.nn.ModuleDict({"inner": first, "output": layer})
    row = ws.spectra(module).set_index("layer").loc["output"]
    blocks = layer.weight.detach().double().reshape(layer.groups, -1, *layer.weight.shape[1:])
    truth = torch.linalg.svdvals(blocks.movedim(3, 1)).max()
    assert row["status"] == "ok" and row["sv_max"] == pytest.approx(float(truth)) and row["rf"] == 3 * layer.groups
