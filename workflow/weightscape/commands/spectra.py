"""`weightscape spectra`: the spectra of a checkpoint, or of what training did to it."""

import argparse
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from weightscape.library.arguments import EXTRAS

if TYPE_CHECKING:
    import numpy as np

    from weightscape.formats.tables import Table
    from weightscape.spectra.inputs import Inputs
    from weightscape.spectra.matrices import Part
    from weightscape.spectra.resuming import Partial
    from weightscape.spectra.settings import SpectraSettings

SUMMARY = ("alpha", "alpha_weighted", "log_alpha_norm", "log_norm", "log_spectral_norm", "stable_rank")
"""Columns of which the summary line gives means, as WeightWatcher's does."""
PLOTS = (".png", ".pdf", ".svg")


def configure(parser: argparse.ArgumentParser) -> None:
    forms = ".safetensors, .pt, .pth, .bin, .ckpt, an index of shards, or a folder of Hugging Face"
    parser.add_argument("after", type=Path, help=f"state dict: {forms}")
    parser.add_argument("--before", type=Path, help="state dict before training; adds the rows before and delta")
    parser.add_argument("--out", type=Path, required=True, help="table to write: .parquet or .csv")
    parser.add_argument("--esd", type=Path, help="also write all eigenvalues, as .safetensors")
    parser.add_argument("--key", help="the state dict to read where a file holds several, as state_dict_ema")
    parser.add_argument(
        "--layers", action="append", default=[], metavar="PATTERN", help="measure these alone, as 'blocks.0.*'"
    )
    parser.add_argument("--plot", type=Path, help="also draw eigenvalues: .png, .pdf or .svg")
    parser.add_argument(
        "--plot-layers", action="append", default=[], metavar="PATTERN", help="draw these (by default the first 24)"
    )
    parser.add_argument("--head", action="append", default=[], help="a layer that is the new classifier")
    parser.add_argument("--workers", type=int, help="threads (default: as many as cores)")
    parser.add_argument("--device", help="let torch decompose there, as cuda (by default numpy does)")
    parser.add_argument(
        "--estimate-above", type=int, metavar="SIDE", help="estimate matrices of a larger smaller side (default 16384)"
    )
    parser.add_argument("--seed", type=int, default=0, help="names the random streams (default 0)")
    for name, text in EXTRAS.items():
        parser.add_argument(f"--{name}", action="store_true", help=f"add {text}")


def run(arguments: argparse.Namespace) -> None:
    if "numpy" not in sys.modules:  # OpenBLAS starts its threads as it is loaded, before the engine limits it to one
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from weightscape.formats.tables import write_table
    from weightscape.formats.tensors import write_tensors
    from weightscape.library.networks import settings_of
    from weightscape.progress import Progress
    from weightscape.spectra.inputs import opened
    from weightscape.spectra.parallel import cores
    from weightscape.spectra.table import Resources, measure

    _check_arguments(arguments)
    inputs = opened(arguments.after, arguments.before, arguments.key, arguments.head)
    parts = _chosen(arguments, inputs)
    for note in inputs.notes:
        print(note)
    matrices = ("after",) if arguments.before is None else ("before", "after", "delta")
    added = [name for name in EXTRAS if getattr(arguments, name)]
    settings = settings_of(added, arguments.seed, arguments.estimate_above)
    partial = _partial(arguments, settings)
    progress = Progress("spectra", len(parts), "matrices")
    if partial.count:
        progress.resume(sum(partial.get(part.name) is not None for part in parts))
        print(f"resumed: {progress.done} of {len(parts)} matrices were measured before")
    resources = Resources(arguments.workers or cores(), arguments.device, progress, store=partial)
    table, values = measure(inputs.weights, settings, matrices, resources, parts)
    table.loc[table["layer"].isin(list(inputs.updates)), "matrix"] = "delta"
    values = {_renamed(name, inputs.updates): array for name, array in values.items()}
    write_table(arguments.out, table)
    if arguments.esd:
        write_tensors(arguments.esd, values)
    if arguments.plot:
        _plot(arguments, table, values)
    partial.remove()
    _summarise(table, arguments.out)


def _check_arguments(arguments: argparse.Namespace) -> None:
    """Refuse what cannot be done before anything is read."""
    from weightscape.errors import UserError
    from weightscape.formats.tables import check_parquet
    from weightscape.library.arguments import check_device
    from weightscape.provenance.extras import require

    if arguments.out.suffix not in (".parquet", ".csv"):
        raise UserError(f"--out {arguments.out} must end in .parquet or .csv: rename it")
    if arguments.out.suffix == ".parquet":
        check_parquet()
    if arguments.workers is not None and arguments.workers < 1:
        raise UserError(f"--workers must be at least 1, got {arguments.workers}: change it")
    if arguments.estimate_above is not None and arguments.estimate_above < 1:
        raise UserError(f"--estimate-above must be at least 1, got {arguments.estimate_above}: change it")
    if arguments.esd and arguments.esd.suffix != ".safetensors":
        raise UserError(f"--esd {arguments.esd} must end in .safetensors: rename it")
    if arguments.plot and arguments.plot.suffix not in PLOTS:
        raise UserError(f"--plot {arguments.plot} must end in {', '.join(PLOTS)}: rename it")
    if arguments.plot_layers and not arguments.plot:
        raise UserError("--plot-layers needs --plot, which is not given: add it")
    if arguments.plot:
        require("matplotlib", "--plot")
    inputs = [path for path in (arguments.after, arguments.before) if path and path.exists()]
    for out in filter(None, (arguments.out, arguments.esd, arguments.plot)):
        if any(out.exists() and out.samefile(path) for path in inputs):
            raise UserError(f"{out} is an input, which it would overwrite: choose another name")
    if arguments.device is not None:
        check_device(arguments.device, f"--device {arguments.device}")


def _chosen(arguments: argparse.Namespace, inputs: "Inputs") -> "list[Part]":
    """The parts to measure; refuses checkpoints that share no weight, and names that are no layer."""
    from weightscape.spectra.inputs import check, named

    check(inputs, f"{arguments.after}", f"{arguments.before}", "--head")
    parts = list(inputs.parts)
    if arguments.layers:
        wanted = named("--layers", arguments.layers, [part.layer for part in parts])
        parts = [part for part in parts if part.layer in wanted]
    named("--plot-layers", arguments.plot_layers, [part.layer for part in parts])
    return parts


def _partial(arguments: argparse.Namespace, settings: "SpectraSettings") -> "Partial":
    """The rows that an earlier run of the same inputs, settings and code left."""
    from weightscape.formats.model_folders import files_of
    from weightscape.formats.typed import to_json
    from weightscape.formats.writing import digest
    from weightscape.provenance.code_digest import code_digest
    from weightscape.spectra.resuming import Partial

    states = []
    for path in filter(None, (arguments.after, arguments.before)):
        folder = path if path.is_dir() else path.parent
        beside = [folder / name for name in ("config.json", "adapter_config.json")]
        for file in (*files_of(path).paths, *(name for name in beside if name.is_file())):
            state = file.stat()
            states.append([str(file.resolve()), state.st_size, state.st_mtime_ns])
    facts = [states, to_json(settings), arguments.key, sorted(arguments.head), arguments.device]
    return Partial(arguments.out, digest([*facts, code_digest("spectra")]))


def _renamed(name: str, updates: frozenset[str]) -> str:
    """The name of eigenvalues; those of an adapter's update are of `delta`."""
    matrix, layer = name.split("/")[:2]
    return name.replace(f"{matrix}/", "delta/", 1) if layer in updates else name


def _plot(arguments: argparse.Namespace, table: "Table", values: "dict[str, np.ndarray]") -> None:
    """Draw the chosen spectra, and say how many."""
    from weightscape.spectra.inputs import named
    from weightscape.spectra.plotting import draw

    patterns = arguments.plot_layers
    rows = table[table["layer"].isin(named("--plot-layers", patterns, set(table["layer"])))] if patterns else table
    print(f"{draw(arguments.plot, rows, values)} spectra drawn: {arguments.plot}")


def _summarise(table: "Table", out: Path) -> None:
    """Print means over the measured matrices, and how many there are."""
    statuses = [str(status) for status in table["status"]]
    matrix = "after" if "after" in set(table["matrix"]) else "delta"
    good = table[(table["matrix"] == matrix) & (table["status"] == "ok")]
    means = [f"{name} {mean:.4g}" for name in SUMMARY if not math.isnan(mean := float(good[name].mean()))]
    if means:
        print(f"means over {len(good)} matrices ({matrix}): {', '.join(means)}")
    remarked = sum(status.startswith(("whole", "unscaled")) for status in statuses)
    large = sum(status.startswith("estimated") for status in statuses)
    more = [f"{remarked} more with a remark in status"] if remarked else []
    more += [f"{large} more estimated, with errors in columns of their own"] if large else []
    also = f" ({', '.join(more)})" if more else ""
    print(f"{len(table)} matrices, {statuses.count('ok')} measured{also}: {out}")
