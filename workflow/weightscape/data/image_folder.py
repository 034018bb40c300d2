"""A folder of image files: {train,test,ood/NAME}/CLASS/*.{png,jpg,jpeg,webp,bmp,tif,tiff}; only `train` must be there.

Classes are the sorted names of the folders below `train`, letters with accents as one character (Unicode's NFC), as
which they count wherever they were packed. Files are taken in the order of their names.
"""

import os
import unicodedata
from pathlib import Path

import numpy as np

from weightscape.data.pools import Pool
from weightscape.data.settings import Folder
from weightscape.errors import UserError

ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")


def pool(source: Folder, name: str, classes: list[str] | None = None) -> Pool | None:
    """The part `train` or `test` of a data set; None where there is no test part."""
    root = Path(source.root)
    return part(root, name, classes) if name == "train" or (root / "test").is_dir() else None


def domain(source: Folder, name: str, classes: list[str]) -> Pool:
    """The shifted test set `name`."""
    return part(Path(source.root) / "ood", name, classes)


def classes_in(folder: Path) -> list[str]:
    """The sorted names of the folders in a folder; hidden ones are none."""
    return sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def is_image(entry: os.DirEntry[str]) -> bool:
    """Whether an entry of a folder is a file with the ending of an image; hidden ones (macOS's ._NAME) are none."""
    return entry.name.lower().endswith(ENDINGS) and not entry.name.startswith(".") and entry.is_file()


def part(root: Path, name: str, classes: list[str] | None = None) -> Pool:
    """The images of `root/name`; `classes` are those of the training part, and None reads them off the folders."""
    folder = root / name if name else root
    if not folder.is_dir():
        raise UserError(
            f"image folder {folder} does not exist: make it, or correct `root` (below it stand train/, and if there "
            "are any test/ and ood/NAME/, each with a folder per class)"
        )
    folders: dict[str, str] = {}
    for name_on_disk in classes_in(folder):
        normal = unicodedata.normalize("NFC", name_on_disk)
        if folders.setdefault(normal, name_on_disk) != name_on_disk:
            raise UserError(
                f"image folder {folder} holds the class {normal!r} twice, with the accents written in two ways: move "
                "the images into one folder"
            )
    if not folders:
        raise UserError(f"image folder {folder} holds no folders of classes: put the images into {folder}/CLASS/")
    names = sorted(folders) if classes is None else classes
    unknown = sorted(set(folders) - set(names))
    if unknown:
        raise UserError(f"image folder {folder} has the class {unknown[0]!r}, which the training set does not have")
    paths: list[str] = []
    labels: list[int] = []
    empty: list[str] = []
    for name_of_class in sorted(folders):
        with os.scandir(folder / folders[name_of_class]) as entries:
            files = sorted(entry.path for entry in entries if is_image(entry))
        if not files and name and classes is None:  # without a name it is an OOD folder, which may lack classes
            empty.append(name_of_class)
        paths += files
        labels += [names.index(name_of_class)] * len(files)
    if not paths:
        raise UserError(f"image folder {folder} holds no images; known endings are {', '.join(ENDINGS)}")
    if empty:
        first = folder / folders[empty[0]]
        raise UserError(
            f"image folder {first} holds no images ({len(empty)} of {len(folders)} classes): fill it, or remove it; "
            f"known endings are {', '.join(ENDINGS)}"
        )
    return Pool(
        np.array(labels, np.int64),
        names,
        name=lambda row: str(Path(paths[row]).relative_to(root)),
        encoded=lambda rows: [paths[row] for row in rows],
    )
