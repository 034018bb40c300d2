"""Any classification set of torchvision by the name of its class, from the files that torchvision knows.

Sets that hold arrays (CIFAR, MNIST, STL10, SVHN) are read as such; of the others the list of files is taken, so that
they are decoded as every image folder is; what fits neither is read one by one.
"""

import inspect
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from weightscape.data.pools import Pool
from weightscape.data.settings import Options, Torchvision
from weightscape.errors import UserError
from weightscape.formats import cache

LABELS = ("targets", "labels", "_labels", "y")
FILES = ("_image_files", "_images", "image_files")
CLASSES = ("classes", "categories")
PAIRS = ("samples", "_samples", "imgs")  # (path, label)


def pool(source: Torchvision, name: str, _classes: list[str] | None = None) -> Pool | None:
    """The part `train`, `val` or `test` of a data set; None where `parts` names none."""
    root = Path(source.root) if source.root else downloaded(source.name)
    name_there = source.parts.of(name)
    return part(source.name, root, name_there, source.options) if name_there is not None else None


def downloaded(name: str) -> Path:
    """The folder of the cache that `fetch` downloads a set into."""
    return cache.folder() / "torchvision" / name


def opened(name: str, root: Path, part: str | None, options: Options | None = None, download: bool = False) -> Any:
    """torchvision's data set; `part` is `train` or `test` where the set knows only these, else its value of `split`."""
    import torchvision

    kind = getattr(torchvision.datasets, name, None)
    if not inspect.isclass(kind) or not issubclass(kind, torchvision.datasets.VisionDataset):
        raise UserError(f"torchvision has no data set {name!r}: write the name of a class of torchvision.datasets")
    allowed = _arguments(kind)
    choice: dict[str, Any] = dict(options or {})
    unknown = [key for key in choice if key not in allowed]
    if unknown:
        further = ", ".join(sorted(allowed - {"self", "root", "download", "train", *PICTURES})) or "none"
        raise UserError(f"torchvision's {name} has no option {unknown[0]!r}; it has {further}: correct `options`")
    if "train" in allowed and part is not None:
        if part not in ("train", "test"):
            raise UserError(f"torchvision's {name} has no part {part!r}, but train and test: correct `parts`")
        choice["train"] = part == "train"
    elif part is not None and (key := next((argument for argument in PARTS if argument in allowed), None)):
        if key in choice:
            raise UserError(f"torchvision's {name} takes its part by {key}: write it into `parts`, not into `options`")
        choice[key] = part
    elif part not in (None, "train"):
        raise UserError(f"torchvision's {name} has no parts, so none called {part!r}: set parts.test to null")
    if download and "download" in allowed:
        choice["download"] = True
        _keep_members_inside()
    try:
        return kind(str(root), **choice)
    except tarfile.TarError as error:
        raise UserError(f"an archive of torchvision's {name} was refused ({error}): fetch it from its origin") from None
    except (RuntimeError, OSError, ImportError, ValueError, TypeError) as error:
        if isinstance(error, ValueError | TypeError) and "argument" in str(error):
            raise UserError(
                f"torchvision's {name} refuses its part {part!r} or its options ({error}): correct `parts` and "
                "`options`"
            ) from None
        raise UserError(
            f"torchvision's {name} cannot be opened in {root} ({error}): put its files there, set `root` to where "
            "they are, or let the rule `fetch` download them"
        ) from None


PARTS = ("split", "version", "classes")
"""Arguments that name the part of a set that knows more than train and test; the last is LSUN's."""

PICTURES = ("transform", "target_transform", "transforms", "loader", "is_valid_file")
"""Arguments of torchvision's classes that alter the pictures: here that is done alike for every source."""


def _keep_members_inside() -> None:
    """Members of tar archives cannot leave the folder that they are unpacked into."""
    if hasattr(tarfile, "data_filter"):
        tarfile.TarFile.extraction_filter = staticmethod(tarfile.data_filter)
    else:  # Python before 3.11.4, as in Debian 12
        tarfile.TarFile.extractall = _extract_inside  # pyright: ignore[reportAttributeAccessIssue]


_extract = tarfile.TarFile.extractall


def _extract_inside(archive: tarfile.TarFile, path: Any = ".", members: Any = None, **more: Any) -> None:
    """Unpacks an archive as `extractall` does, and refuses links and names that lead outside."""
    root = Path(path).resolve()
    for member in archive.getmembers():
        if not (member.isfile() or member.isdir()) or not (root / member.name).resolve().is_relative_to(root):
            raise tarfile.ReadError(f"{member.name!r} would lie outside of the destination, or is a link")
    _extract(archive, path, members, **more)


def _arguments(kind: type) -> set[str]:
    """The arguments of a class, and of those above it as long as it passes further ones on."""
    names: set[str] = set()
    for ancestor in kind.__mro__:
        if "__init__" not in vars(ancestor):
            continue
        taken = inspect.getfullargspec(ancestor.__init__)
        names |= {*taken.args, *taken.kwonlyargs}
        if taken.varkw is None:
            break
    return names


def part(name: str, root: Path, part: str | None, options: Options | None = None) -> Pool:
    """The images of one part of a set."""
    source = opened(name, root, part, options)
    labels, files = _labels(source), _files(source)
    if options:
        _check_options(source, labels, name)
    classes = _classes(source) or [str(k) for k in range(int(labels.max()) + 1)]
    called = f"{name} {part or ''}".strip()
    data = getattr(source, "data", None)
    if data is not None:
        array = _channels_last(np.asarray(data), len(labels))
        return Pool(labels, classes, lambda row: f"{called}[{row}]", pixels=lambda rows: array[rows])
    if files is not None:
        return Pool(labels, classes, lambda row: files[row], encoded=lambda rows: [files[row] for row in rows])
    return Pool(labels, classes, lambda row: f"{called}[{row}]", picture=lambda row: source[row][0])


def _check_options(source: Any, labels: np.ndarray, name: str) -> None:
    """Options must not make the set tell something else of an image than its class."""
    for row in {0, len(labels) // 2, len(labels) - 1} if len(labels) else ():
        try:
            target = source[row][1]
        except (OSError, SyntaxError):  # an image that cannot be read is counted later
            continue
        try:
            same = int(target) == labels[row]
        except (TypeError, ValueError):  # several targets, a picture
            same = False
        if not same:
            raise UserError(
                f"torchvision's {name} tells {str(target)[:50]} of an image of class {labels[row]} with these options: "
                "remove those that choose another target than the class"
            )


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
            labels = np.asarray(getattr(source, name)).astype(np.int64)
            return labels[:, 0] if labels.ndim == 2 else labels  # QMNIST keeps the writer beside the digit
    for name in PAIRS:
        pairs = getattr(source, name, None)
        if pairs:
            return np.array([label for _, label in pairs], np.int64)
    try:
        return np.array([source[row][1] for row in range(len(source))], np.int64)
    except (TypeError, ValueError) as error:
        kind = type(source).__name__
        raise UserError(f"torchvision's {kind} has no class label per image ({error}): choose another set") from None


def _classes(source: Any) -> list[str]:
    """Names of the classes; of several names of one (ImageNet) the first, where it means no other class as well."""
    listed = [
        [str(synonym) for synonym in (name if isinstance(name, tuple) else (name,))]
        for attribute in CLASSES
        for name in getattr(source, attribute, None) or []
    ]
    first = Counter(names[0] for names in listed)
    return [names[0] if first[names[0]] == 1 else ", ".join(names) for names in listed]


def _files(source: Any) -> list[str] | None:
    for name in FILES:
        if getattr(source, name, None):
            return [str(path) for path in getattr(source, name)]
    for name in PAIRS:
        pairs = getattr(source, name, None)
        if pairs and isinstance(pairs[0][0], str | Path):
            return [str(path) for path, _ in pairs]
    return None
