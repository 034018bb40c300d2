"""State dicts from files."""

import json
import struct
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

from weightscape.errors import UserError
from weightscape.formats.state_dicts import Safetensors, open_checkpoint


@pytest.fixture
def tensors():
    random = np.random.default_rng(0)
    return {
        "a.weight": random.standard_normal((4, 3)).astype(np.float32),
        "half": random.standard_normal(5).astype(np.float16),
        "count": np.array(7),
        "empty": np.empty((0, 3), np.float32),
    }


def test_safetensors_are_read_as_they_were_written(tmp_path, tensors):
    save_file(tensors, tmp_path / "w.safetensors", {"format": "pt"})
    found = open_checkpoint(tmp_path / "w.safetensors")
    assert set(found) == set(tensors) and len(found) == 4
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(found[name], tensor)
        assert found[name].dtype == tensor.dtype
        assert found.shapes[name] == tensor.shape


def test_bfloat16_is_widened_exactly(tmp_path):
    import torch
    from safetensors.torch import save_file as save_torch

    tensor = torch.randn(6, 5, generator=torch.Generator().manual_seed(0)).bfloat16()
    save_torch({"w": tensor}, tmp_path / "w.safetensors")
    torch.save({"w": tensor}, tmp_path / "w.pt")
    for name in ("w.safetensors", "w.pt"):
        found = open_checkpoint(tmp_path / name)["w"]
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, tensor.float().numpy())


@pytest.mark.process
def test_reading_safetensors_does_not_import_torch(tmp_path, tensors):
    save_file(tensors, tmp_path / "w.safetensors")
    code = (
        "import sys, weightscape.formats.state_dicts as c, unit.spectra.measuring as s;"
        f"s.measure(c.open_checkpoint({str(tmp_path / 'w.safetensors')!r}));"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


def test_a_wrapped_torch_state_dict_is_found(tmp_path):
    import torch

    torch.save({"epoch": 3, "state_dict": {"w.weight": torch.ones(2, 2)}}, tmp_path / "w.pth")
    np.testing.assert_array_equal(open_checkpoint(tmp_path / "w.pth")["w.weight"], np.ones((2, 2)))


def test_a_pickled_network_is_refused(tmp_path):
    import torch

    torch.save(torch.nn.Linear(2, 2), tmp_path / "w.pt")
    with pytest.raises(UserError, match="is not a whole file of weights alone"):
        open_checkpoint(tmp_path / "w.pt")


@pytest.mark.parametrize("kept", [0, 5, 40, -1])
def test_a_truncated_file_is_named(tmp_path, tensors, kept):
    save_file(tensors, tmp_path / "whole.safetensors")
    path = tmp_path / "cut.safetensors"
    path.write_bytes((tmp_path / "whole.safetensors").read_bytes()[:kept])
    with pytest.raises(UserError, match=r"cut\.safetensors"):
        open_checkpoint(path)


def test_a_truncated_torch_file_is_named(tmp_path):
    import torch

    torch.save({"w": torch.ones(100)}, tmp_path / "whole.pt")
    path = tmp_path / "cut.pt"
    path.write_bytes((tmp_path / "whole.pt").read_bytes()[:300])
    with pytest.raises(UserError, match=r"cut\.pt"):
        open_checkpoint(path)


def written(path, header, body=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)
    return path


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (b"not json", "header is not JSON"),
        ([1, 2], "header is not JSON"),
        ({"w": {"dtype": "F32"}}, "broken entry for tensor 'w'"),
        ({"w": 3}, "broken entry for tensor 'w'"),
        ({"w": {"dtype": "F4", "shape": [2**40, 2**40], "data_offsets": [0, 4]}}, "broken entry for tensor 'w'"),
        ({"w": {"dtype": "F4", "shape": [2**30, 2**30], "data_offsets": [0, 0]}}, "broken entry for tensor 'w'"),
        ({"w": {"dtype": "F4", "shape": [0, 2**63], "data_offsets": [0, 0]}}, "broken entry for tensor 'w'"),
        ({"w": {"dtype": "F4", "shape": [0], "data_offsets": [3, 1]}}, "broken entry for tensor 'w'"),
        ({"\ud800": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, "broken entry for tensor"),
        (
            {
                name: {"dtype": "F16", "shape": [size], "data_offsets": [0, 2 * size]}
                for name, size in (("a", 2), ("b", 1))
            },
            "tensors 'b' and 'a' on the same bytes",
        ),
        ({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, "has 4 bytes"),
        ({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, "ends at byte 8"),
    ],
)
def test_a_foreign_or_damaged_header_is_one_sentence(tmp_path, header, words):
    with pytest.raises(UserError, match=words):
        Safetensors(written(tmp_path / "w.safetensors", header, b"\0\0\0\0"))


def test_tensors_of_torch_without_names_or_without_bytes_of_their_own_are_refused(tmp_path):
    import torch

    torch.save({1: torch.ones(4)}, tmp_path / "numbered.pt")
    with pytest.raises(UserError, match="holds no tensors by name"):
        open_checkpoint(tmp_path / "numbered.pt")
    torch.save({"w": torch.ones(1).expand(10**6, 10**6)}, tmp_path / "one.pt")
    with pytest.raises(UserError, match=r"repeats 1 numbers as tensor 'w' \[1000000, 1000000\]"):
        open_checkpoint(tmp_path / "one.pt")
    torch.save({"w": torch.ones(3).expand(2, 3)}, tmp_path / "few.pt")
    assert open_checkpoint(tmp_path / "few.pt")["w"].shape == (2, 3)


def test_other_endings_and_missing_files_are_named(tmp_path):
    (tmp_path / "w.onnx").write_bytes(b"x")
    with pytest.raises(UserError, match=r"ends in '\.onnx'"):
        open_checkpoint(tmp_path / "w.onnx")
    with pytest.raises(UserError, match="is not a file"):
        open_checkpoint(tmp_path / "none.safetensors")


@pytest.mark.parametrize(("dtype", "status"), [("F4", "not floating-point"), ("C64", "complex numbers")])
def test_a_tensor_of_an_unknown_type_has_a_row_and_stops_no_other(tmp_path, dtype, status):
    from unit.spectra.measuring import measure

    good = np.random.default_rng(0).standard_normal((5, 4)).astype("<f4").tobytes()
    odd = {"dtype": dtype, "shape": [2, 2], "data_offsets": [80, 112]}
    header = {"a.weight": {"dtype": "F32", "shape": [5, 4], "data_offsets": [0, 80]}, "b.weight": odd}
    path = written(tmp_path / "x.safetensors", header, good + bytes(32))
    table, _ = measure(Safetensors(path))
    assert table["status"].iloc[0] == "ok" and table["status"].iloc[1].startswith(status)
