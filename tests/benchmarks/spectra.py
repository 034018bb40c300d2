"""The spectral engine beside weightwatcher, in one process: time, memory, agreement.

Writes results/bench/spectra.md.

    python tests/benchmarks/spectra.py [--quick]

All times are the least of repetitions that take turns, after a warm-up, with one BLAS thread; weightwatcher's columns
and ours are computed from the same weights. CPU times are of one worker, wall times of two. The first sections are
measured twice, in processes with and without OPENBLAS_CORETYPE=Haswell, which keeps BLAS at AVX2; it does not concern
our native routines, of which both widths are shown. Timings on a shared machine are noisy: read the ratios.
"""

import argparse
import json
import logging
import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file
from threadpoolctl import threadpool_limits

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow"), str(ROOT / "tests"), str(ROOT / "tests" / "benchmarks")]

from spectra_networks import BARE, gemm_rate, network, state, timed, watch, worst_difference  # noqa: E402
from spectra_profile import shares  # noqa: E402

from unit.spectra.measuring import chosen, measure  # noqa: E402
from weightscape.spectra import marchenko_pastur  # noqa: E402
from weightscape.spectra.table import MATRICES, parts_of  # noqa: E402

UPDATES = chosen(mp_fit=False, spacing=False)
SMALL = "squeezenet1_1"
MODELS = ("resnet18", "resnet50", "vit_b_16")
KERNELS = {"Default metrics": "", "Default metrics with OPENBLAS_CORETYPE=Haswell": "Haswell"}
DECODER = {
    "self_attn.q_proj": (2048, 2048),
    "self_attn.k_proj": (512, 2048),
    "self_attn.v_proj": (512, 2048),
    "self_attn.o_proj": (2048, 2048),
    "mlp.gate_proj": (8192, 2048),
    "mlp.up_proj": (8192, 2048),
    "mlp.down_proj": (2048, 8192),
}
"""Shapes of a layer; a decoder of 1.2 billion weights has sixteen, and an embedding of 128256 x 2048."""
Timed = Sequence[float] | np.ndarray


def under(kernel: str, models: Sequence[str]) -> list[dict[str, object]]:
    """The lines of these networks, from a process with OPENBLAS_CORETYPE, or without it if that is empty."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENBLAS_")}
    environment |= {"OPENBLAS_CORETYPE": kernel} if kernel else {}
    command = [sys.executable, str(Path(__file__).with_name("spectra_networks.py")), *models]
    said = subprocess.run(command, check=True, capture_output=True, env=environment, text=True).stdout
    return json.loads(said.splitlines()[-1])


def compare_fit(layers: int) -> dict[str, object]:
    """The Marchenko-Pastur fit alone, on the largest spectra of resnet18, and its agreement."""
    import weightwatcher

    _, spectra = measure(state(network("resnet18")), settings=BARE)
    shapes = {part.layer: (part.larger, part.smaller) for part in parts_of(state(network("resnet18")))}
    watcher = weightwatcher.WeightWatcher()
    theirs, ours, worst = np.zeros(2), np.zeros(2), 0.0
    for name, values in sorted(spectra.items(), key=lambda item: -len(item[1]))[: 3 * layers : 3]:
        larger, smaller = shapes[name.split("/")[1]]
        arguments = (values, larger, smaller, 1, "", 0, 0, False, False, "", "", 0.6, True, values)
        found: list[float] = []
        with threadpool_limits(1):
            theirs += timed(lambda a=arguments, f=found: f.append(watcher.mp_fit(*a)[1]))
            fit = marchenko_pastur.fit_bulk(values, larger, smaller)
            ours += timed(lambda v=values, n=larger, m=smaller: marchenko_pastur.fit_bulk(v, n, m), 3)
        worst = max(worst, abs(fit.sigma / found[0] - 1) if fit else np.inf)
    return _phase(f"mp_fit, {layers} layers of resnet18", theirs, ours, worst)


def compare_null() -> dict[str, object]:
    """Default metrics and the random null on three layers; weightwatcher fits the null's bulk too."""
    torch.manual_seed(0)
    model = torch.nn.ModuleDict(
        {
            "conv": torch.nn.Conv2d(128, 128, 3),
            "square": torch.nn.Linear(512, 512),
            "fc": torch.nn.Linear(512, 1000),
        }
    )
    weights = state(model)
    settings = chosen(null=True, mp_fit=False, overlaps=False, spacing=False)
    with threadpool_limits(1):
        theirs = timed(lambda: watch(model, randomize=True, mp_fit=False))
        ours = timed(lambda: measure(weights, settings=settings), 2)
    return _phase("with the random null, three layers", theirs, ours, np.nan)


def compare_many(count: int) -> dict[str, object]:
    """A list of checkpoints of one shape, one after the other."""
    models = [network(SMALL, seed) for seed in range(count)]
    states = [state(model) for model in models]
    tables: list[pd.DataFrame] = []
    mine: list[pd.DataFrame] = []
    with threadpool_limits(1):
        theirs = timed(lambda: tables.extend(watch(model) for model in models))
        ours = timed(lambda: mine.extend(measure(weights, settings=BARE)[0] for weights in states))
    worst = max(worst_difference(*pair, fitted=False) for pair in zip(tables, mine, strict=True))
    return _phase(f"{count} checkpoints of {SMALL}", theirs, ours, worst)


def _phase(name: str, theirs: Timed, ours: Timed, worst: float) -> dict[str, object]:
    """A line of the second table, from CPU and wall times on one BLAS thread."""
    return {
        "phase": name,
        "weightwatcher CPU s": float(theirs[0]),
        "ours CPU s": float(ours[0]),
        "CPU ratio": float(theirs[0] / ours[0]),
        "weightwatcher wall s": float(theirs[1]),
        "ours wall s": float(ours[1]),
        "wall ratio": float(theirs[1] / ours[1]),
        "worst relative difference": worst,
    }


def memory(name: str) -> dict[str, object]:
    """Peak of allocations beyond the weights, in MB; of ours also with the weights before and the update."""
    model = network(name)
    weights, before = state(model), state(network(name, 1))
    peaks = []
    for work in (
        lambda: watch(model),
        lambda: measure(weights, settings=BARE),
        lambda: measure(weights, before, settings=UPDATES, matrices=MATRICES),
    ):
        tracemalloc.start()
        work()
        peaks.append(tracemalloc.get_traced_memory()[1] / 1e6)
        tracemalloc.stop()
    largest = 8 * max(part.slices * part.larger * part.smaller for part in parts_of(weights)) / 1e6
    return {
        "network": name,
        "weightwatcher peak MB": peaks[0],
        "ours peak MB": peaks[1],
        "largest weight in float64 MB": largest,
        "ours / largest weight": peaks[1] / largest,
        "ours with update MB": peaks[2],
        "ours with update / largest weight": peaks[2] / largest,
    }


def where(name: str, rate: float) -> dict[str, object]:
    """Shares of our CPU time, and what the ratio would be were there nothing but LAPACK and BLAS."""
    weights = state(network(name))
    found = [part for part in parts_of(weights) if part.status == "ok"]
    grams = [(part.slices, rng_gram(part.smaller)) for part in found]
    products = [np.random.default_rng(0).standard_normal((part.larger, part.smaller)) for part in found]
    with threadpool_limits(1):
        whole, _ = timed(lambda: measure(weights, settings=BARE, lanes=0), 3)
        lapack, _ = timed(lambda: [np.linalg.eigvalsh(gram) for slices, gram in grams for _ in range(slices)], 3)
        blas, _ = timed(
            lambda: [each.T @ each for each, part in zip(products, found, strict=True) for _ in range(part.slices)], 3
        )
    cubes = sum(part.slices * 4 / 3 * part.smaller**3 for part in found)
    return {
        "network": name,
        "all CPU s": whole,
        "LAPACK eigenvalues alone": lapack,
        "Gram products alone": blas,
        "all else": whole - lapack - blas,
        "LAPACK GFlop/s": cubes / lapack / 1e9,
        "dgemm GFlop/s": rate / 1e9,
    }


def rng_gram(side: int) -> np.ndarray:
    """A Gram matrix of noise."""
    matrix = np.random.default_rng(side).standard_normal((2 * side, side))
    return matrix.T @ matrix


PEAK = """
import sys, time
from unit.spectra.measuring import chosen, measure
from weightscape.formats.state_dicts import open_checkpoint
def peak():  # of this program: what getrusage says may be of the one that started it
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
settings = chosen(mp_fit=False, overlaps=False, spacing=False)
measure({"a.weight": __import__("numpy").eye(40)}, settings=settings)
weights = open_checkpoint(sys.argv[1])
before, cpu = peak(), time.process_time()
table, _ = measure(weights, settings=settings)
print((peak() - before) / 1024, time.process_time() - cpu, list(table["status"]).count("ok"))
"""


def decoder(folder: Path, layers: int) -> dict[str, object]:
    """Layers of a decoder from a file, in a process of its own, beside weightwatcher on the same weights."""
    path = folder / "decoder.safetensors"
    model = torch.nn.ModuleDict()
    for layer in range(layers):
        for name, (rows, columns) in DECODER.items():
            module = torch.nn.Linear(columns, rows, bias=False)
            module.weight.data = module.weight.data.bfloat16().float()
            model[f"{layer}.{name}".replace(".", "_")] = module
    save_file({name: tensor.bfloat16() for name, tensor in model.state_dict().items()}, path)
    environment = {"PYTHONPATH": f"{ROOT / 'workflow'}:{ROOT / 'tests'}", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", PEAK, str(path)]
    said = subprocess.run(command, check=True, capture_output=True, env=os.environ | environment, text=True).stdout
    megabytes, cpu, matrices = map(float, said.split())
    path.unlink()
    with threadpool_limits(1):
        theirs, _ = timed(lambda: watch(model))
    largest = 8 * 8192 * 2048 / 2**20
    return {
        "layers": layers,
        "matrices": int(matrices),
        "weightwatcher CPU s": theirs,
        "ours CPU s": cpu,
        "CPU ratio": theirs / cpu,
        "peak MB, with the mapped file": megabytes,
        "over the largest matrix in float64": megabytes / largest,
    }


def threads(path: Path) -> dict[str, object]:
    """CPU time of the command without any limit of threads in the shell over that with OMP_NUM_THREADS=1."""
    random = np.random.default_rng(0)
    arrays = {f"layers.{i}.weight": torch.from_numpy(random.standard_normal((700, 700), np.float32)) for i in range(12)}
    save_file(arrays, path)
    command = [sys.executable, "-m", "weightscape.cli", "spectra", str(path), "--out", str(path.with_suffix(".csv"))]
    bare = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    bare["PYTHONPATH"] = str(ROOT / "workflow")

    def spent(environment: Mapping[str, str]) -> float:
        before = os.times()
        subprocess.run(command, check=True, capture_output=True, env=dict(environment))
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    took = [[spent(bare), spent(bare | {"OMP_NUM_THREADS": "1"})] for _ in range(8)]
    without, limited = np.min(took, axis=0)
    return {
        "command": "weightscape spectra, 12 layers of 700 x 700",
        "CPU s": without,
        "with OMP_NUM_THREADS=1": limited,
        "ratio": without / limited,
    }


FIRST_ROW = """
import sys, time
import weightscape.spectra.table as layers
measured = layers.measured
def first(*arguments):
    row = measured(*arguments)
    layers.measured = measured
    print(time.time(), "torch" in sys.modules, file=sys.stderr)
    return row
layers.measured = first
from weightscape.cli import main
main(sys.argv[1:])
"""


def first_row(path: Path) -> dict[str, object]:
    """Wall time from the start of a process to the first row, and whether torch was imported."""
    command = [sys.executable, "-c", FIRST_ROW, "spectra", str(path), "--out", str(path.with_suffix(".csv"))]
    environment = {"PYTHONPATH": str(ROOT / "workflow"), "OPENBLAS_NUM_THREADS": "1"}
    took, torch_too = [], set()
    for _ in range(3):
        begun = time.time()
        said = subprocess.run(command, check=True, capture_output=True, env=environment, text=True).stderr.split()
        at = next(n for n, word in enumerate(said) if word in ("True", "False"))
        took.append(float(said[at - 1]) - begun)
        torch_too.add(said[at])
    words = "torch imported" if "True" in torch_too else "torch not imported"
    return {"command": f"the same, from start to the first row ({words})", "wall s": min(took)}


def start(path: Path) -> dict[str, object]:
    """Wall time of the whole command on a file, in a process of its own."""
    random = np.random.default_rng(0)
    shape = (128, 64)
    save_file(
        {f"layers.{i}.weight": torch.from_numpy(random.standard_normal(shape, np.float32)) for i in range(50)}, path
    )
    command = [
        sys.executable,
        "-m",
        "weightscape.cli",
        "spectra",
        str(path),
        "--out",
        str(path.with_suffix(".csv")),
    ]
    environment = {"PYTHONPATH": str(ROOT / "workflow"), "OPENBLAS_NUM_THREADS": "1"}
    _, wall = timed(lambda: subprocess.run(command, check=True, capture_output=True, env=environment), 3)
    return {
        "command": "weightscape spectra, 50 layers of 128 x 64, from start to the last row",
        "wall s": wall,
    }


def text(rows: list[dict[str, object]]) -> str:
    """A markdown table."""
    lines = [
        list(rows[0]),
        ["---"] * len(rows[0]),
        *([_cell(value) for value in row.values()] for row in rows),
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def report(sections: Mapping[str, str]) -> str:
    """The page."""
    body = "\n\n".join(f"## {title}\n\n{content}" for title, content in sections.items())
    return f"# Spectra: weightwatcher 0.7.7 and ours\n\n{__doc__.split(chr(10) * 2)[-1].strip()}\n\n{body}\n"


def main() -> None:
    """Run all and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="resnet18 only, few repetitions")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "bench" / "spectra.md")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    models = MODELS[:1] if arguments.quick else MODELS
    sections = {title: text(under(kernel, models)) for title, kernel in KERNELS.items()}
    watch(torch.nn.ModuleDict({"warm": torch.nn.Linear(30, 30)}))
    rate = gemm_rate()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    begin = arguments.out.with_name("start.safetensors")
    sections |= {
        "A decoder with the shapes of one billion weights, bfloat16": text([decoder(arguments.out.parent, 1)]),
        "Threads of BLAS": text([threads(begin)]),
        "Phases": text(
            [
                compare_fit(2 if arguments.quick else 5),
                compare_null(),
                compare_many(3 if arguments.quick else 20),
            ]
        ),
        "Memory": text([memory(name) for name in (*models, SMALL)]),
        "Where our time goes": text([shares(name) for name in models]),
        "Where our time goes by LAPACK": text([where(name, rate) for name in models]),
        "Start": text([start(begin), first_row(begin)]),
    }
    arguments.out.write_text(report(sections))
    print(arguments.out.read_text())


if __name__ == "__main__":
    main()
