"""How far one run differs where something else than its settings differs: instruction set, threads, compute type.

Writes results/bench/machines.md. A finished study gives the run's inputs; its baseline is trained again under each
variant. Older instruction sets stand for older machines: PyTorch, oneDNN and OpenBLAS are told to use no newer one.

    python tests/benchmarks/machines.py --results results
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import yaml

ROOT = Path(__file__).parents[2]
OLDER = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "OPENBLAS_CORETYPE": "Haswell"}
OLDEST = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "OPENBLAS_CORETYPE": "Nehalem"}
VARIANTS: dict[str, tuple[dict[str, str], list[str], dict[str, Any]]] = {
    "once more": ({}, [], {}),
    "instructions up to AVX2": (OLDER, [], {}),
    "instructions up to SSE 4": (OLDEST, [], {}),
    "two threads": ({}, ["--threads", "2"], {}),
    "bfloat16 autocast": ({}, [], {"precision": "bfloat16"}),
    "another seed": ({}, [], {"seed": 1}),
}


def train(results: Path, out: Path, variant: tuple[dict[str, str], list[str], dict[str, Any]]) -> None:
    """The baseline's first run under one variant."""
    variables, words, changes = variant
    record = json.loads((run_of(results) / "manifest.json").read_text())
    settings = record["settings"]
    settings["seed"] += changes.get("seed", 0)
    settings["training"] |= {name: value for name, value in changes.items() if name in settings["training"]}
    items, data, backbone = (one(results, record["inputs"], end) for end in ENDINGS)
    command = [sys.executable, "-m", "weightscape.stages.finetune", "--settings", json.dumps(settings)]
    command += ["--items", items, "--data", data, "--backbone", backbone, "--out", str(out), "--device", "cpu", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow"), "OMP_NUM_THREADS": "1", **variables}
    subprocess.run(command, check=True, env=environment, capture_output=True)


ENDINGS = ("items.parquet", "manifest.json", "weights.safetensors")


def one(results: Path, inputs: list[str], ending: str) -> str:
    """The input of a run whose name ends so."""
    return next(str(results / name) for name in inputs if name.endswith(ending))


def run_of(results: Path) -> Path:
    """The first baseline run of a finished study."""
    return min(results.glob("4_finetune/*/*/*/baseline/seed*"))


def update(results: Path, folder: Path) -> dict[str, np.ndarray]:
    """Trained minus initial weights, without the statistics of normalisation."""
    from safetensors.numpy import load_file

    record = json.loads((run_of(results) / "manifest.json").read_text())
    before = load_file(one(results, record["inputs"], ENDINGS[2])) | load_file(folder / "initial.safetensors")
    after = load_file(folder / "after.safetensors")
    return {name: after[name] - before[name] for name in after if after[name].ndim > 1}


def differences(results: Path, folder: Path, reference: Path) -> dict[str, Any]:
    """Between a variant and the reference: weights, mean log norm of hidden matrices, loss."""
    import pandas as pd

    (new, old), (after, base) = (
        [update(results, place) for place in (folder, reference)],
        [pd.read_parquet(place / "history.parquet").iloc[-1] for place in (folder, reference)],
    )
    changed = np.sqrt(sum(float(((new[name] - old[name]) ** 2).sum()) for name in old))
    norm = np.sqrt(sum(float((old[name] ** 2).sum()) for name in old))
    norms = [np.mean([np.log10(float((part[name] ** 2).sum())) for name in old]) for part in (new, old)]
    return {
        "equal": all(np.array_equal(new[name], old[name]) for name in old),
        "updates": changed / norm,
        "log norm": abs(norms[0] - norms[1]),
        "loss": abs(float(after["loss"]) - float(base["loss"])),
    }


def main() -> None:
    """Train, compare and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--results", type=Path, default=ROOT / "results")
    arguments = parser.parse_args()
    results = arguments.results.resolve()
    lines = [
        "# One run on other machines",
        "",
        f"The baseline's first run of the study `{study(results)}`, trained anew on one core; each row differs in one",
        "thing. Differences are those of the updates (trained minus initial weights), as a share of the update's norm;",
        "of the mean log10 of squared norms of the updates; and of the loss of the last steps.",
        "",
        "| what differs | same bytes | updates | log norm | loss |",
        "|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as name:
        reference = Path(name) / "reference"
        train(results, reference, ({}, [], {}))
        for kind, variant in VARIANTS.items():
            folder = Path(name) / kind.replace(" ", "-")
            train(results, folder, variant)
            found = differences(results, folder, reference)
            numbers = " | ".join(f"{found[name]:.1e}" for name in ("updates", "log norm", "loss"))
            lines.append(f"| {kind} | {'yes' if found['equal'] else 'no'} | {numbers} |")
    out = ROOT / "results" / "bench" / "machines.md"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\n".join(lines) + "\n")
    print(out.read_text())


def study(results: Path) -> str:
    """Its name."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    return config["study"]["name"] if results.parent.name != "studies" else results.name


if __name__ == "__main__":
    main()
