"""Any classification set of torchvision by the name of its class, from the files that torchvision knows.

Sets that hold arrays (CIFAR, MNIST, STL10, SVHN) are read as such; of the others the list of files is taken, so that
they are decoded as every image folder is; what fits neither is read one by one.
"""

import inspect
import tarfile
from pathlib import Path
from typing import Any

import numpy as np

from weightscape.datasets.pools import Pool
from weightscape.errors import UserError

LABELS = ("targets", "labels", "_labels", "y")
FILES = ("_image_files", "_images", "image_files")
PAIRS = ("samples", "_samples", "imgs")  # (path, label)


def opened(name: str, root: Path, part: str | None, download: bool = False) -> Any:
    """torchvision's data set; `part` is its value of `split`, or `train`/`test` where the set knows only these."""
    import torchvision

    kind = getattr(torchvision.datasets, name, None)
    if not inspect.isclass(kind) or not issubclass(kind, torchvision.datasets.VisionDataset):
        raise UserError(f"torchvision has no data set {name!r}: write the name of a class of torchvision.datasets")
    known = inspect.signature(kind).parameters
    choice: dict[str, Any] = {}
    if "train" in known and part is not None:
        if part not in ("train", "test"):
            raise UserError(f"torchvision's {name} has no part {part!r}, but train and test: correct `parts`")
        choice = {"train": part == "train"}
    elif "split" in known and part is not None:
        choice = {"split": part}
    elif part not in (None, "train"):
        raise UserError(f"torchvision's {name} has no parts, so none called {part!r}: set parts.test to null")
    if download and "download" in known:
        choice["download"] = True
        _keep_members_inside()
    try:
        return kind(str(root), **choice)
    except tarfile.TarError as error:
        raise UserError(f"an archive of torchvision's {name} was refused ({error}): fetch it from its origin") from None
    except ValueError as error:
        raise UserError(f"torchvision's {name} has no part {part!r} ({error}): correct `parts`") from None
    except (RuntimeError, OSError, ImportError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"torchvision's {name} cannot be opened in {root} ({reason}): put its files there, set `root` to where "
            "they are, or let the rule `fetch` download them"
        ) from None


def _keep_members_inside() -> None:
    """Members of tar archives cannot leave the folder that they are unpacked into."""
    if hasattr(tarfile, "data_filter"):
        tarfile.TarFile.extraction_filter = staticmethod(tarfile.data_filter)
    else:  # before Python 3.11.4
        tarfile.TarFile.extractall = _extract_inside  # pyright: ignore[reportAttributeAccessIssue]


_extract = tarfile.TarFile.extractall


def _extract_inside(archive: tarfile.TarFile, path: Any = ".", members: Any = None, **more: Any) -> None:
    """`extractall` that refuses links and names that lead outside."""
    root = Path(path).resolve()
    for member in archive.getmembers():
        if not (member.isfile() or member.isdir()) or not (root / member.name).resolve().is_relative_to(root):
            raise tarfile.ReadError(f"{member.name!r} would lie outside of the destination, or is a link")
    _extract(archive, path, members, **more)


def part(name: str, root: Path, part: str | None) -> Pool:
    """The images of one part of a set."""
    source = opened(name, root, part)
    labels, files = _labels(source), _files(source)
    classes = [str(one) for one in getattr(source, "classes", [])] or [str(k) for k in range(int(labels.max()) + 1)]
    called = f"{name} {part or ''}".strip()
    data = getattr(source, "data", None)
    if data is not None:
        array = _channels_last(np.asarray(data), len(labels))
        return Pool(labels, classes, lambda row: f"{called}[{row}]", pixels=lambda rows: array[rows])
    if files is not None:
        return Pool(labels, classes, lambda row: files[row], encoded=lambda rows: [files[row] for row in rows])
    return Pool(labels, classes, lambda row: f"{called}[{row}]", picture=lambda row: source[row][0])


def _channels_last(array: np.ndarray, count: int) -> np.ndarray:
    """STL10 and SVHN hold [n, channels, h, w]."""
    if array.ndim == 4 and array.shape[1] in (1, 3) and array.shape[3] not in (1, 3):
        array = array.transpose(0, 2, 3, 1)
    if array.dtype != np.uint8 or array.ndim not in (3, 4) or len(array) != count:
        raise UserError(
            f"the data set holds {array.dtype} {array.shape}, not uint8 images: it is no classification set"
        )
    return array


def _labels(source: Any) -> np.ndarray:
    for name in LABELS:
        if getattr(source, name, None) is not None:
            return np.asarray(getattr(source, name)).astype(np.int64).reshape(-1)
    for name in PAIRS:
        pairs = getattr(source, name, None)
        if pairs:
            return np.array([label for _, label in pairs], np.int64)
    try:
        return np.array([source[row][1] for row in range(len(source))], np.int64)
    except (TypeError, ValueError) as error:
        kind = type(source).__name__
        raise UserError(f"torchvision's {kind} has no class label per image ({error}): choose another set") from None


def _files(source: Any) -> list[str] | None:
    for name in FILES:
        if getattr(source, name, None):
            return [str(path) for path in getattr(source, name)]
    for name in PAIRS:
        pairs = getattr(source, name, None)
        if pairs and isinstance(pairs[0][0], str | Path):
            return [str(path) for path, _ in pairs]
    return None
