"""Reads images and labels from numpy and IDX files as people save them; saves them as the source `arrays` reads them.

A part (train, val, test) and a kind (images, labels) are told by the words of an array's name (`x_train`,
`train_images`, `t10k-labels-idx1-ubyte`), the kind else by its form. Images become uint8 [n, h, w(, c)], labels counts
from 0 with their names in `classes.txt`.
"""

import gzip
import math
import re
import zipfile
import zlib
from collections.abc import Mapping
from operator import ge
from pathlib import Path

import numpy as np

from weightscape.data.decoding import DARK
from weightscape.errors import UserError
from weightscape.formats.writing import replacing

Arrays = Mapping[str, np.ndarray]
PARTS = {
    "train": ("train", "training", "tr"),
    "test": ("test", "testing", "te", "t10k"),
    "val": ("val", "valid", "validation", "dev"),
}
KINDS = {
    "images": ("images", "image", "imgs", "img", "x", "data", "pixels", "features"),
    "labels": ("labels", "label", "y", "targets", "target", "classes", "class"),
}
EDGE = 1 / 510
"""Half a grey level, by which sums of floats may leave [0, 1]."""
LOOKED = 1000
"""Rows of numbers by which the order of their colours is told."""
SMOOTHER = 0.9
"""Share of the roughness in CIFAR's order below which another order is taken; that of noise is 1."""
CAPITALS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
IDX_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def files_in(folder: Path) -> list[Path]:
    """The files of arrays in a folder."""
    return sorted(path for path in folder.iterdir() if path.is_file() and is_file_of_arrays(path))


def is_file_of_arrays(path: Path) -> bool:
    """Whether a file's name is that of a numpy or IDX file."""
    return path.suffix in (".npy", ".npz") or bool(re.search(r"[.-]idx\d(-ubyte)?(\.gz)?$", path.name))


def saved(path: Path, out: Path) -> tuple[Path, list[str]]:
    """Saves the arrays of a file or folder in the form of the source `arrays` below `out`; tells those left out.

    Parts that another file left there are deleted.
    """
    arrays = _all_read(path)
    parts = _parts(arrays, path)
    labels = {part: _as_labels(arrays[of_labels], path).astype(str) for part, (_, of_labels) in parts.items()}
    names = np.unique(np.concatenate(list(labels.values())))
    if all(re.fullmatch(r"-?\d+", name) for name in names):
        names = names[np.argsort(names.astype(np.int64))]
    order = np.argsort(names)
    out.mkdir(parents=True, exist_ok=True)
    for stale in (out / f"{part}.{kind}.npy" for part in PARTS if part not in parts for kind in KINDS):
        stale.unlink(missing_ok=True)
    for part, (of_images, _) in parts.items():
        _save(out / f"{part}.images.npy", _as_images(arrays[of_images], f"{path}, {part}"))
        _save(out / f"{part}.labels.npy", order[np.searchsorted(names, labels[part], sorter=order)])
    with replacing(out / "classes.txt") as temporary:
        temporary.write_text("\n".join(names) + "\n", encoding="utf-8")
    used = [name for pair in parts.values() for name in pair]
    unused = {name: array for name, array in arrays.items() if name not in used}
    return out, [f"used: {', '.join(used)}; ignored: {_shapes(unused)}"] if unused else []


def _all_read(path: Path) -> Arrays:
    """The arrays of a file, or of all files in a folder, where the name of a .npz goes before those of its arrays."""
    if not path.is_dir():
        return dict(_read(path))
    files = files_in(path)
    return {
        f"{file.stem}_{name}" if file.suffix == ".npz" and len(files) > 1 else name: array
        for file in files
        for name, array in _read(file)
    }


def _shapes(arrays: Arrays) -> str:
    return ", ".join(f"{name} {list(array.shape)}" for name, array in arrays.items())


def _save(path: Path, array: np.ndarray) -> None:
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, array)


def _read(path: Path) -> list[tuple[str, np.ndarray]]:
    """The arrays of one file, with names."""
    try:
        if path.suffix not in (".npy", ".npz"):
            return [(path.name, _idx(path))]
        content = np.load(path, allow_pickle=False)
        if isinstance(content, np.ndarray):
            return [(path.stem, content)]
        return [(name, content[name]) for name in content.files]
    except (ValueError, OSError, EOFError, LookupError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{path} is no whole numpy or IDX file of numbers or texts ({error}): save it again") from None


def _idx(path: Path) -> np.ndarray:
    """An IDX file, as MNIST has them (Y. LeCun's page), also compressed."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    kind, axes = data[2], data[3]
    shape = np.frombuffer(data, ">i4", axes, 4)
    return np.frombuffer(data, IDX_TYPES[kind], offset=4 + 4 * axes).reshape(shape)


def _parts(arrays: Arrays, path: Path) -> dict[str, tuple[str, str]]:
    """The names of the images and of the labels of each part."""
    table: dict[str, dict[str, np.ndarray]] = {}
    for name, array in arrays.items():
        part = next((part for part, known in PARTS.items() if set(known) & words(name)), "train")
        table.setdefault(part, {})[name] = array
    found = {part: _pair(there, part, path) for part, there in table.items() if part == "train" or _is_part(there)}
    if "train" not in found:
        raise UserError(f"{path} has no part train, but {', '.join(table)}: name its training images train_images")
    return found


def words(name: str) -> set[str]:
    return set(re.split(r"[^a-z0-9]+", CAPITALS.sub("_", name).lower()))


def _kinds(name: str) -> set[str]:
    return {kind for kind, known in KINDS.items() if set(known) & words(name)}


def _is_part(arrays: Arrays) -> bool:
    """Whether some arrays hold images, or are named as labels."""
    return any(_fit(name, array, "images") or "labels" in _kinds(name) for name, array in arrays.items())


def _pair(arrays: Arrays, part: str, path: Path) -> tuple[str, str]:
    """The names of a part's images and labels, which fit better than all others that are as many."""
    fits = {kind: {name: fit for name, array in arrays.items() if (fit := _fit(name, array, kind))} for kind in KINDS}
    wanted = f"{part}_images and {part}_labels"
    lacks = [kind for kind in KINDS if not fits[kind]]
    if lacks:
        raise UserError(
            f"{path} has no {lacks[0]} of the part {part} (it holds {_shapes(arrays)}): name the arrays {wanted}, in "
            "one .npz or as .npy files in one folder"
        )
    pairs = {
        (images, labels): (*of_images, *of_labels)
        for images, of_images in fits["images"].items()
        for labels, of_labels in fits["labels"].items()
        if len(arrays[images]) == len(arrays[labels])
    }
    if not pairs:
        counts = " and ".join(
            f"{', '.join(str(len(arrays[name])) for name in named)} {kind}" for kind, named in fits.items()
        )
        raise UserError(f"{path} has {counts} of the part {part} ({_shapes(arrays)}): they must be as many")
    best = [pair for pair, fit in pairs.items() if all(all(map(ge, fit, each)) for each in pairs.values())]
    if len(best) != 1:
        told = "; ".join(f"{images} with {labels}" for images, labels in pairs)
        raise UserError(f"{path} may have its part {part} in {told}: name one pair {wanted}, or leave one there")
    return best[0]


def _fit(name: str, array: np.ndarray, kind: str) -> tuple[bool, bool] | None:
    """Whether an array is named as a kind and surely has its form; None if it cannot be of the kind."""
    if not array.ndim or not array.size or (kind == "images" and array.dtype.kind not in "biuf"):
        return None
    is_flat = array.ndim < 2 or array.shape[1:] == (1,)
    form = "labels" if is_flat or _is_one_hot(array) else "images"
    named = _kinds(name)
    if (named != {kind} and (len(named) == 1 or form != kind)) or (kind == "images" and is_flat):
        return None
    return kind in named, form == "labels" if kind == "labels" else array.ndim > 2


def _is_one_hot(array: np.ndarray) -> bool:
    """Whether each row has a single one, and zeros."""
    if array.ndim != 2 or array.shape[1] < 2 or array.dtype.kind not in "iufb":
        return False
    return bool((array.sum(axis=1) == 1).all() and ((array == 0) | (array == 1)).all())


def _as_labels(labels: np.ndarray, path: Path) -> np.ndarray:
    """One whole number or text per image; a row of zeros and a one is the place of the one."""
    if _is_one_hot(labels):
        return labels.argmax(axis=1)
    labels = _as_text(labels, path) if labels.dtype.kind in "SU" else labels
    whole = labels.dtype.kind in "iuUb" or (
        labels.dtype.kind == "f" and (labels == np.round(labels)).all() and np.isfinite(labels).all()
    )
    if math.prod(labels.shape[1:]) != 1 or not whole:
        raise UserError(f"{path} has labels {labels.dtype} {list(labels.shape)}: save one number or name per image")
    flat = labels.reshape(-1)
    return flat.astype(np.int64) if flat.dtype.kind in "fb" else flat


def _as_text(labels: np.ndarray, path: Path) -> np.ndarray:
    """Names of classes without the spaces around them; each must be one line of text."""
    try:
        texts = np.char.strip(np.char.decode(labels, "utf-8") if labels.dtype.kind == "S" else labels)
    except UnicodeDecodeError as error:
        raise UserError(f"{path} has labels that are no texts of UTF-8 ({error}): save them as such") from None
    odd = [str(name) for name in np.unique(texts) if not name or not name.isprintable()]
    if odd:
        raise UserError(f"{path} has the label {odd[0]!r}, which cannot name a class: save names of one line")
    return texts


def _as_images(images: np.ndarray, where: str) -> np.ndarray:
    """Images as uint8 [n, h, w] or [n, h, w, channels]."""
    if images.ndim == 2:
        images = _unrolled(images, where)
    if images.ndim == 4 and images.shape[1] in (1, 3, 4) and images.shape[3] not in (1, 3, 4):
        images = images.transpose(0, 2, 3, 1)
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] not in (1, 3, 4)):
        raise UserError(f"{where} has images of the shape {list(images.shape)}: save [n, h, w] or [n, h, w, channels]")
    low, high = float(images.min()), float(images.max())
    if images.dtype == np.uint8 and high > 1:
        return np.ascontiguousarray(images)
    if low >= -EDGE and high <= 1 + EDGE:
        return (images.astype(np.float32) * 255).round().clip(0, 255).astype(np.uint8)
    if low >= 0 and DARK < high <= 255:
        return images.round().astype(np.uint8)
    if images.dtype == np.uint16:
        return (images / 257).round().astype(np.uint8)
    raise UserError(f"{where} has images {images.dtype} from {low:g} to {high:g}: scale them to 0 to 1, or to 0 to 255")


def _unrolled(images: np.ndarray, where: str) -> np.ndarray:
    """Rows of numbers as square images: grey, or colours one after the other as in CIFAR's files, or pixel by pixel."""
    for channels in (1, 3):
        side = round((images.shape[1] / channels) ** 0.5)
        if side >= 8 and channels * side**2 == images.shape[1]:
            planes, pixels = (images.reshape(-1, *form) for form in ((channels, side, side), (side, side, channels)))
            is_by_pixel = _roughness(pixels, 1) < SMOOTHER * _roughness(planes, 2)
            return planes[:, 0] if channels == 1 else pixels if is_by_pixel else planes
    raise UserError(f"{where} has rows of {images.shape[1]} numbers, which are no square image: save [n, h, w]")


def _roughness(images: np.ndarray, axis: int) -> float:
    """The mean change from one row of pixels to that below it; in a wrong order these are no neighbours."""
    return float(np.abs(np.diff(images[:LOOKED].astype(np.float64), axis=axis)).mean())
