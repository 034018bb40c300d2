"""Memory beyond the weights: at most four times the largest matrix in float64 per worker."""

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from unit.spectra.measuring import measure
from weightscape.formats.state_dicts import open_checkpoint
from weightscape.spectra.table import MATRICES

SIDE = 360
LAYERS = {
    "square": {f"{i}.weight": (SIDE, SIDE) for i in range(2)},
    "wide": {f"{i}.weight": (SIDE // 2, 2 * SIDE) for i in range(2)},
    "fused": {f"{i}.in_proj_weight": (3 * SIDE, SIDE) for i in range(2)},
    "convolution": {f"{i}.weight": (120, 120, 3, 3) for i in range(2)},
}


@pytest.mark.parametrize(
    ("layers", "ending", "workers"),
    [*((name, "safetensors", 1) for name in LAYERS), ("square", "pt", 1), ("fused", "pt", 1), ("wide", "pt", 2)],
)
def test_half_precision_is_widened_matrix_by_matrix(tmp_path, layers, ending, workers):
    import torch
    from safetensors.torch import save_file

    write = save_file if ending == "safetensors" else torch.save
    random = torch.Generator().manual_seed(0)
    paths = [tmp_path / f"{name}.{ending}" for name in ("before", "after")]
    for path in paths:
        write({key: torch.randn(shape, generator=random).bfloat16() for key, shape in LAYERS[layers].items()}, path)
    shape = next(iter(LAYERS[layers].values()))
    largest = 8 * np.prod(shape) / (3 if layers == "fused" else 1)

    def run():
        before, after = (open_checkpoint(path) for path in paths)
        return measure(after, before, matrices=MATRICES, workers=workers)[0]

    small = {"w.weight": np.eye(40)}
    measure(small, small, matrices=MATRICES)  # so that imports are not counted
    tracemalloc.start()
    assert set(run()["status"]) == {"ok"}
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= 4 * largest * workers + 2**18  # tables and headers


PRIVATE = """
import sys
from pathlib import Path
import torch
from weightscape.formats.state_dicts import open_checkpoint

def private():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Anonymous:"))

before = private()
state = open_checkpoint(sys.argv[1])
assert all(state[name].any() for name in state)
print(private() - before)
"""


@pytest.mark.process
def test_a_torch_file_is_not_read_whole(tmp_path):
    """Pages of a process that no file backs: torch's allocations are not python's."""
    import torch

    path = tmp_path / "w.pt"
    torch.save({f"{i}.weight": torch.ones(500, 1000).bfloat16() for i in range(40)}, path)
    command = [sys.executable, "-c", PRIVATE, str(path)]
    environment = {"PYTHONPATH": ":".join(sys.path)}
    said = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    assert int(said) < path.stat().st_size / 2
