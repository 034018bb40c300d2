"""Images that are decoded already, as numpy files: {train,val,test,ood-NAME}.images.npy and .labels.npy in one folder.

`parts` may give `train` and `test` other names. Images are uint8 [n, h, w] or [n, h, w, channels], labels integers
[n]; `classes.txt`, if it is there, names the
classes by line. The images are mapped anew for every batch, so that the pages of one batch alone stay in memory.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from weightscape.data.pools import Pool
from weightscape.data.settings import Folder
from weightscape.errors import UserError

CHANNELS = 4  # red, green, blue and transparency


def pool(source: Folder, name: str, classes: list[str] | None = None) -> Pool | None:
    """The part `train`, `val` or `test` of a data set; None where there is no such part but `train`."""
    root, there = Path(source.root), source.parts.of(name) or ("val" if name == "val" else None)
    if there is None or (there == name != "train" and not (root / f"{there}.images.npy").is_file()):
        return None
    return part(root, there, classes)


def domain(source: Folder, name: str, classes: list[str]) -> Pool:
    """The shifted test set `name`."""
    return part(Path(source.root), f"ood-{name}", classes)


def part(root: Path, name: str, classes: list[str] | None = None) -> Pool:
    """The arrays called `name`; `classes` are those of the training part, and None finds them here."""
    path = root / f"{name}.images.npy"
    images, labels = _mapped(path), np.asarray(_mapped(root / f"{name}.labels.npy"))
    if (
        images.dtype != np.uint8
        or images.ndim not in (3, 4)
        or (images.ndim == 4 and not _channels_last(*images.shape))
    ):
        raise UserError(
            f"{path} must be uint8 [n, h, w] or [n, h, w, channels] with at most {CHANNELS} channels, got "
            f"{images.dtype} {list(images.shape)}: save it so"
        )
    if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu" or labels.min(initial=0) < 0:
        low = f" from {labels.min()}" if labels.dtype.kind in "iu" and labels.size else ""
        raise UserError(
            f"the labels beside {path} must be {len(images)} whole numbers from 0, got {labels.dtype} "
            f"{list(labels.shape)}{low}: save them so, or let `weightscape init {root}` do it"
        )
    if not images.size:
        raise UserError(f"{path} holds no images: save some there")
    listed = root / "classes.txt"
    names = _names(listed) if listed.is_file() else classes or _numbers(labels, path)
    if labels.max() >= len(names):
        holder = f"{listed} names" if listed.is_file() else f"the training part in {root} has"
        raise UserError(f"the labels beside {path} go up to {labels.max()}, but {holder} {len(names)} classes")
    return Pool(
        labels.astype(np.int64),
        names,
        name=lambda row: f"{path.name}[{row}]",
        pixels=lambda rows: np.asarray(_mapped(path)[rows]),
    )


def _channels_last(_: int, height: int, __: int, channels: int) -> bool:
    """Whether the last axis holds the channels, and not the second."""
    return channels <= CHANNELS < height


def _names(path: Path) -> list[str]:
    try:
        names = [line.strip() for line in path.read_text(encoding="utf-8-sig").rstrip().splitlines()]
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not a text of UTF-8 ({error}): save it as such") from None
    twice = [name for name, count in Counter(names).items() if count > 1 or not name]
    if twice:
        raise UserError(f"{path} has the class {twice[0]!r} twice, or an empty line: name each class once, by line")
    return names


def _numbers(labels: np.ndarray, path: Path) -> list[str]:
    """Classes by number; labels are counts from 0, not identifiers."""
    if labels.max() >= len(labels):
        raise UserError(
            f"the labels beside {path} go up to {labels.max()}, more than its {len(labels)} images: number the classes "
            "from 0, or name them in classes.txt"
        )
    return [str(number) for number in range(labels.max() + 1)]


def _mapped(path: Path) -> Any:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: correct `root`, or save the array there with numpy.save") from None
    except (ValueError, OSError, EOFError) as error:
        raise UserError(f"{path} is not a whole numpy file ({error}): save it again") from None
