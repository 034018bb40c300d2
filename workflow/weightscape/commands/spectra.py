"""`weightscape spectra`: the spectra of a checkpoint, or of what training did to it."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weightscape.spectra.settings import SpectraSettings

SWITCHES = {
    "null": "the random null (permuted entries)",
    "interval": "the bootstrap interval of the tail exponent",
    "goodness": "the goodness-of-fit p-value of the power law",
    "alternatives": "truncated power law, lognormal and exponential",
    "farms": "the fixed-aspect exponent",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("after", type=Path, help="state dict: .safetensors, .pt or .pth")
    parser.add_argument("--before", type=Path, help="state dict before training; adds the rows before and delta")
    parser.add_argument("--out", type=Path, required=True, help="table to write: .parquet or .csv")
    parser.add_argument("--esd", type=Path, help="also write all eigenvalues, as .safetensors")
    parser.add_argument("--head", action="append", default=[], help="a layer that is the new classifier")
    parser.add_argument("--workers", type=int, help="threads (default: as many as cores)")
    parser.add_argument("--device", help="let torch decompose there, as cuda (by default numpy does)")
    parser.add_argument("--seed", type=int, default=0, help="names the random streams (default 0)")
    for name, text in SWITCHES.items():
        parser.add_argument(f"--{name}", action="store_true", help=f"add {text}")


def run(arguments: argparse.Namespace) -> None:
    """Read, measure, write."""
    from weightscape.errors import UserError
    from weightscape.formats.state_dicts import open_checkpoint
    from weightscape.formats.tables import check_parquet, write_table
    from weightscape.formats.tensors import write_tensors
    from weightscape.progress import Progress
    from weightscape.spectra.parallel import cores
    from weightscape.spectra.row import Weights
    from weightscape.spectra.table import Resources, measure, parts_of

    if arguments.out.suffix not in (".parquet", ".csv"):
        raise UserError(f"--out {arguments.out} must end in .parquet or .csv: rename it")
    if arguments.out.suffix == ".parquet":
        check_parquet()
    if arguments.workers is not None and arguments.workers < 1:
        raise UserError(f"--workers must be at least 1, got {arguments.workers}: change it")
    if arguments.esd and arguments.esd.suffix != ".safetensors":
        raise UserError(f"--esd {arguments.esd} must end in .safetensors: rename it")
    inputs = [path for path in (arguments.after, arguments.before) if path and path.exists()]
    for out in filter(None, (arguments.out, arguments.esd)):
        if any(out.exists() and out.samefile(path) for path in inputs):
            raise UserError(f"{out} is an input, which it would overwrite: choose another name")
    if arguments.device:
        _check_device(arguments.device)
    after = open_checkpoint(arguments.after)
    before = open_checkpoint(arguments.before) if arguments.before else None
    found = parts_of(after)
    if not found:
        raise UserError(f"{arguments.after} has no weight matrices: give the state dict of a network")
    if before is not None and not any(part.key in before for part in found):
        raise UserError(
            f"{arguments.after} and {arguments.before} share no weight (the first are {found[0].key} and"
            f" {next(iter(before), 'none')}): give the weights that training started from, under the same names"
        )
    layers = {part.layer for part in found}
    for head in arguments.head:
        if head.removesuffix(".weight") not in layers:
            raise UserError(f"--head {head} is no layer of {arguments.after}; the last one is {found[-1].layer}")
    table, values = measure(
        Weights(after, before, frozenset(arguments.head)),
        _settings(arguments),
        ("after",) if before is None else ("before", "after", "delta"),
        Resources(arguments.workers or cores(), arguments.device, Progress("spectra", len(found), "matrices")),
    )
    write_table(arguments.out, table)
    if arguments.esd:
        write_tensors(arguments.esd, values)
    measured = list(table["status"]).count("ok")
    print(f"{len(table)} matrices, {measured} measured: {arguments.out}")


def _settings(arguments: argparse.Namespace) -> "SpectraSettings":
    """The settings of config.yaml, with the parts that the switches ask for in place of its own."""
    from weightscape.formats.typed import from_json
    from weightscape.project import DEFAULT_CONFIG
    from weightscape.spectra.settings import SpectraSettings
    from weightscape.study.config import load

    switches = {name: getattr(arguments, name) for name in SWITCHES}
    return from_json(SpectraSettings, load(DEFAULT_CONFIG, None)["spectra"] | switches | {"seed": arguments.seed})


def _check_device(name: str) -> None:
    """Say in one sentence that torch cannot compute there."""
    import torch

    from weightscape.errors import UserError

    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"--device {name} cannot be used ({str(error).splitlines()[0]}): leave it out") from None
