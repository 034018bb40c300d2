"""`weightscape init`: looks at a data set and writes a study of it that plans without a further edit."""

import argparse
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from weightscape.commands.cost import ASSUMED, assumptions
from weightscape.errors import UserError
from weightscape.formats.writing import replacing
from weightscape.project import ROOT, STAGE_FOLDERS
from weightscape.starter import draft, estimate, folders, judged, machine, named_sets, page, pictures, scale, told
from weightscape.starter.array_files import is_file_of_arrays, saved
from weightscape.starter.data_set import DataSet, name_of
from weightscape.study import Config, generator_sizes
from weightscape.study.checks import networks
from weightscape.study.config import default_config

GENERATORS = ("none", "ddpm", "text_to_image")
KINDS = ("photographs", "drawings")
MINUTES = "30"
OUT = Path("study.yaml")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", help="a folder of images or arrays, a .npz, .npy or IDX file, or a set's name")
    parser.add_argument("--out", type=Path, default=OUT, help="the study (default: %(default)s)")
    parser.add_argument("--force", action="store_true", help="replace a study that is there")
    parser.add_argument(
        "--name", help="of the study, and of the folder of its results (default: as --out, else the data)"
    )
    parser.add_argument("--minutes", help=f"time that the study may take on this machine (default: {MINUTES})")
    parser.add_argument("--kind", help=f"what the images show, if not what init sees: {' or '.join(KINDS)}")
    parser.add_argument("--generator", help=f"synthetic images: {', '.join(GENERATORS)} (default: none)")
    parser.add_argument("--model", default=draft.WHEEL.model, help="network, by timm's name (default: %(default)s)")
    parser.add_argument("--weights", help="wheel, hub, none, or the path of a file")
    parser.add_argument(
        "--yes", action="store_true", help="ask nothing: take what is proposed for all that is not given"
    )


@dataclass(frozen=True)
class Answers:
    """The user's choices, by flags or at the terminal."""

    name: str
    is_drawn: bool
    minutes: float
    generator: draft.Generator


def run(arguments: argparse.Namespace) -> int:
    """Looks, asks where a terminal is there, writes the study, and tells its cost and its claims."""
    if arguments.out.exists() and not arguments.force:
        raise UserError(f"{arguments.out} is there already: name another file with --out, or replace it with --force")
    data = data_set(arguments.what, arguments.out)
    looked = pictures.look(data.pools) if data.pools else None
    data = data.without(looked.lost if looked else ())
    seen = told.seen(data, looked)
    print("\n".join([f"{arguments.what}:", *(f"  {line}" for line in seen)]), flush=True)
    asks = not arguments.yes and sys.stdin.isatty() and sys.stdout.isatty()
    answers = _answers(arguments, data, looked, input if asks else None)
    wishes = _wishes(arguments, answers)
    difference, minutes, told_machine = _drafted(data, looked, wishes, answers.minutes)
    config = estimate.merged(difference)
    networks.check(config)
    outcome = told.outcome(config, minutes, answers.minutes, told_machine)
    outcome += [f"note: {sentence}" for sentence in (judged.told(looked, config) if looked else ())]
    origin = f"Written by `weightscape init {arguments.what}`. States the difference from config.yaml."
    with replacing(arguments.out) as temporary:
        temporary.write_text(page.text(difference, [origin]), encoding="utf-8")
    print("\n".join(outcome))
    print(_next(arguments.out, wishes.name))
    return 0


def data_set(what: str, out: Path) -> DataSet:
    """The data set that a user names: a folder, a file of arrays, a set of torchvision, or one of the hub."""
    path = Path(what).expanduser()
    name = name_of(path.resolve().name if path.is_dir() else path.name.split(".")[0])
    beside = out.resolve().parent / f"{out.stem}-arrays"  # by the study, as several files may share a name
    if path.is_dir():
        return folders.found(path, _written(path), beside)
    if path.is_file():
        if not is_file_of_arrays(path):
            raise UserError(f"{path} is no file of arrays: name a folder, a .npz or .npy file, or one of MNIST's form")
        there, notes = saved(path, beside)
        return folders.of_arrays(there, _written(beside), name, notes)
    known = named_sets.torchvision_name(what)
    if known is not None:
        return named_sets.of_torchvision(known)
    if named_sets.is_hub_name(what):
        return named_sets.of_hub(what)
    raise UserError(
        f"{what} is no folder, no file and no data set of torchvision: correct the path, or write OWNER/NAME for a "
        f"data set of the hub; torchvision has {', '.join(named_sets.KNOWN)}"
    )


def _written(path: Path) -> str:
    """A path as a study names it: from the project's folder, where jobs run, if it lies there."""
    whole = path.resolve()
    return str(whole.relative_to(ROOT)) if whole.is_relative_to(ROOT) else str(whole)


def _answers(
    arguments: argparse.Namespace,
    data: DataSet,
    looked: pictures.Looked | None,
    ask: Callable[[str], str] | None,
) -> Answers:
    """The flags, and for those that are not given the answers at the terminal, or without one the proposals."""
    is_drawn = looked.is_drawn if looked else data.is_drawn

    def answer(key: str, question: str, proposed: str) -> str:
        given = getattr(arguments, key)
        if given is None and ask is not None:
            given = ask(f"{question} [{proposed}]: ").strip()
        return given or proposed

    proposed = (
        data.name if arguments.out.stem == OUT.stem else name_of(arguments.out.stem)
    )  # two studies of a set stay apart
    name = answer("name", "Name of the study", proposed)
    kind = answer("kind", f"The images show {' or '.join(KINDS)}", KINDS[is_drawn])
    minutes = answer("minutes", "Minutes that the study may take here", MINUTES)
    generator = answer("generator", f"Synthetic images: {', '.join(GENERATORS)}", "none")
    for key, value, values in (("kind", kind, KINDS), ("generator", generator, GENERATORS)):
        if value not in values:
            raise UserError(f"{key} = {value!r} is unknown: choose {', '.join(values)}")
    try:
        number = float(minutes)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise UserError(f"minutes = {minutes!r} is no number above 0: write one, as {MINUTES}")
    return Answers(name_of(name), kind == "drawings", number, cast(draft.Generator, generator))


def _wishes(arguments: argparse.Namespace, answers: Answers) -> draft.Wishes:
    """The user's choices, with the normalisation of the network and the places that it can drop."""
    import timm
    import torch

    from weightscape.networks.building import network

    model = arguments.model
    weights = arguments.weights or ("wheel" if model == draft.WHEEL.model else "hub")
    known = timm.get_pretrained_cfg(model) if weights not in ("wheel", "none") and timm.is_model(model) else None
    with torch.device("meta"):
        side = machine.fixed_side(network(model, 2))
        try:
            network(model, 2, {"path": 0.1})
            drops_paths = True
        except UserError:
            drops_paths = False
    chosen = draft.Network(model, weights, *((known.mean, known.std) if known else ()), side=side)
    on_gpu = torch.cuda.is_available()
    return draft.Wishes(answers.name, answers.is_drawn, answers.generator, chosen, drops_paths, on_gpu)


def _drafted(
    data: DataSet, looked: pictures.Looked | None, wishes: draft.Wishes, wanted: float
) -> tuple[Config, float, str]:
    """The study that fits the time, its minutes, and the machine in words."""
    named = data.block.get("name") or data.block.get("path")
    counts = {named: {"train": 0, "test": 0, **data.counts, "classes": data.classes}} if named else {}
    assumed = assumptions(ASSUMED)
    assumed = replace(assumed, images={**counts, **assumed.images})
    side = looked.side if looked else data.side
    sides = {network.model: network.side for network in draft.networks(wishes.network, 2)}
    generator = generator_sizes.model(default_config() or {}, "digits") if wishes.generator == "ddpm" else None
    here = machine.measured(sides, generator, side)
    config, minutes = estimate.chosen(
        scale.sizes(data, side, draft.limit(looked)),
        lambda size: draft.config_of(data, looked, wishes, size),
        wanted,
        lambda whole: estimate.minutes(whole, assumed, here),
    )
    return config, minutes, here.told()


def _next(out: Path, name: str) -> str:
    word = shlex.quote(str(out))
    return (
        f"{out} is written. Next, in the folder of the Snakefile:\n"
        f"  snakemake -n -q --configfile {word}\n"
        f"  snakemake --cores all --configfile {word}\n"
        f"The report is then results/studies/{name}/{STAGE_FOLDERS['report']}/report.html"
    )
