"""A folder of image files: {train,val,test,ood/NAME}/CLASS/**/FILE; only `train` must be there.

Classes are the sorted names of the folders below `train`, letters with accents as one character (Unicode's NFC), as
which they count wherever they were packed. A class has the images in its folder and in those below it, in the order of
their names. `parts` may give `train` and `test` other names, and the name `.` if the classes lie in the folder itself;
`val` may also be called `valid`, `validation` or `dev`. Capitals do not matter in the names of parts. Where classes are
named, others may be empty. Every other file is listed by the reason why it is none.
"""

import os
import re
import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np

from weightscape.data.pools import Pool, check_spelling
from weightscape.data.settings import Folder
from weightscape.errors import UserError

_READ = (
    "apng avif avifs blp bmp bw cur dcx dds dib eps fit fits flc fli ftc ftu gbr gif icb icns ico iim im j2c j2k jfif "
    "jp2 jpc jpe jpeg jpf jpg jpx mpo msp pbm pcd pcx pfm pgm png pnm ppm ps psd pxr qoi ras rgb rgba sgi tga tif tiff "
    "vda vst webp xbm xpm"
)
ENDINGS = tuple(f".{ending}" for ending in _READ.split())
"""The endings of the formats that Pillow reads; of BUFR, GRIB, HDF5, MPEG and WMF it has but the names here."""

TRAINING = ("train", "training", "train_images", "trainset", "training_set")
TESTING = ("test", "testing", "test_images", "testset", "test_set")
VALIDATION = ("val", "valid", "validation", "dev")
SYSTEMS = ("__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found", "__pycache__")
"""Folders that an operating system, a network disk or Python left; some hold small copies of the images beside them."""
PICTURES = ("image", "images", "img", "imgs")
MASKS = ("mask", "masks", "segmentation", "segmentations")
"""Folders of masks, where they stand beside one of pictures."""
MASK = re.compile(r"(.+)[ _-](masks?|seg|segmentation)([ _-]?\d+)?", re.IGNORECASE)
"""The name of a mask, without its ending, by that of its image."""
LeftOut = dict[str, list[str]]
"""Paths of files that are not read, by the reason."""
HERE = "."
"""The name of a part whose classes lie in the folder of the data set itself."""


def pool(source: Folder, name: str, classes: list[str] | None = None) -> Pool | None:
    """The part `train`, `val` or `test` of a data set; None where there is no such part but `train`."""
    root, chosen = Path(source.root), _named(source)
    if name == "train":
        opened = part(root, _on_disk(root, source.parts.train), classes, chosen)
        beside = _beside(source)
        return replace(opened, left_out={**opened.left_out, **({"beside train/": beside} if beside else {})})
    named = source.parts.of(name)
    there = [_on_disk(root, named)] if named else validation(root) if name == "val" else []
    if named and named != name and not (root / there[0]).is_dir():
        raise UserError(f"image folder {root} has no {named}/, which `parts.{name}` names: correct it, or make it")
    there = [folder for folder in there if (root / folder).is_dir()]
    if len(there) > 1:
        raise UserError(f"image folder {root} has both {there[0]}/ and {there[1]}/: leave one of them there")
    return part(root, there[0], classes, chosen) if there else None


def _on_disk(root: Path, name: str) -> str:
    """The folder of a part as it is written on disk: by its name, or else by that in other capitals."""
    if (root / name).is_dir() or not root.is_dir():
        return name
    alike = [folder for folder in classes_in(root) if folder.lower() == name.lower()]
    return alike[0] if len(alike) == 1 else name


def _named(source: Folder) -> frozenset[str]:
    """The classes that a study names; empty if it takes all, or the first so many."""
    named = source.classes if isinstance(source.classes, tuple) else ()
    return frozenset(unicodedata.normalize("NFC", name) for name in named)


def validation(root: Path) -> list[str]:
    """The folders of validation images in a data set, by their name in any capitals."""
    return [name for name in classes_in(root) if name.lower() in VALIDATION] if root.is_dir() else []


def _beside(source: Folder) -> list[str]:
    """The folders of a data set that are none of its parts; none if they are its classes."""
    root = Path(source.root)
    known = {*(_on_disk(root, name) for name in (*source.parts.there(), "ood")), *validation(root)}
    return [f"{name}/" for name in classes_in(root) if name not in known and source.parts.train != HERE]


def domain(source: Folder, name: str, classes: list[str]) -> Pool:
    """The shifted test set `name`."""
    root = Path(source.root)
    return part(root / _on_disk(root, "ood"), name, classes, _named(source))


def classes_in(folder: Path) -> list[str]:
    """The sorted names of the folders in a folder, without hidden ones."""
    return sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not is_hidden(entry.name))


def is_hidden(name: str) -> bool:
    """Whether people did not make the file or folder of this name, as macOS's ._NAME."""
    return name.startswith(".") or name in SYSTEMS


def files_of(folder: str, left_out: LeftOut | None = None) -> list[str]:
    """The sorted paths of the images in a folder and below it; those of other files join `left_out` by reason."""
    others = {} if left_out is None else left_out
    images: list[str] = []
    with os.scandir(folder) as entries:
        inside = sorted(entries, key=lambda entry: entry.name)
    names = {_stem(entry.name.lower()) for entry in inside}
    for entry in inside:
        reason = _no_image(entry)
        if reason:
            others.setdefault(reason, []).append(entry.path)
        elif is_mask(entry.name.lower(), names, entry.is_dir()):
            others.setdefault("mask", []).extend(files_of(entry.path, others) if entry.is_dir() else [entry.path])
        elif entry.is_dir():
            images += files_of(entry.path, others)
        else:
            images.append(entry.path)
    return images


def is_mask(name: str, names: set[str], is_folder: bool) -> bool:
    """Whether a folder of masks stands beside one of pictures, or a mask beside its image; names in small letters."""
    if is_folder:
        return name in MASKS and not names.isdisjoint(PICTURES)
    mask = MASK.fullmatch(_stem(name))
    return mask is not None and mask[1] in names


def _stem(name: str) -> str:
    """The name of a file without its ending, or of a folder."""
    return name.rpartition(".")[0] or name


def _no_image(entry: os.DirEntry[str]) -> str | None:
    """Why an entry of a folder of images is not read; None for a folder and for an image."""
    if is_hidden(entry.name):
        return "hidden folder" if entry.is_dir() else "hidden file"
    if entry.is_dir():
        return "link to a folder" if entry.is_symlink() else None
    if not entry.is_file():
        return "broken link" if entry.is_symlink() else "no file"
    if entry.name.lower().endswith(ENDINGS):
        return None
    ending = Path(entry.name).suffix.lower()
    return f"ending {ending}" if ending else "no ending"


def part(root: Path, name: str, classes: list[str] | None = None, chosen: frozenset[str] = frozenset()) -> Pool:
    """The images of `root/name`; `classes` are those of the training part, and None reads them off the folders.

    If some classes are `chosen`, others may be empty, and those that are not trained on are passed over.
    """
    folder = root / name if name else root
    if not folder.is_dir():
        raise UserError(
            f"image folder {folder} does not exist: make it, or correct `root` (below it stand train/, and if there "
            "are any test/ and ood/NAME/, each with a folder per class; `parts` gives other names)"
        )
    folders = _folders_of_classes(folder)
    names = sorted(folders) if classes is None else classes
    unknown = sorted(set(folders) - set(names))
    check_spelling(unknown, names, f"image folder {folder}")
    if chosen:
        folders = {name_of_class: place for name_of_class, place in folders.items() if name_of_class in names}
    elif unknown:
        raise UserError(f"image folder {folder} has the class {unknown[0]!r}, which the training set does not have")
    paths: list[str] = []
    labels: list[int] = []
    empty: list[str] = []
    left_out = _outside_of_classes(folder)
    for name_of_class in sorted(folders):
        files = files_of(str(folder / folders[name_of_class]), left_out)
        _check_whole(folder / folders[name_of_class], files)
        if (
            not files and name and classes is None and (not chosen or name_of_class in chosen)
        ):  # without a name it is an OOD folder, which may lack classes
            empty.append(name_of_class)
        paths += files
        labels += [names.index(name_of_class)] * len(files)
    if not paths:
        raise UserError(f"image folder {folder} holds no images; {_known(left_out)}")
    if empty:
        first = folder / folders[empty[0]]
        raise UserError(
            f"image folder {first} holds no images ({len(empty)} of {len(folders)} classes): fill it, or remove it; "
            f"{_known(left_out)}"
        )
    return Pool(
        np.array(labels, np.int64),
        names,
        name=lambda row: str(Path(paths[row]).relative_to(root)),
        encoded=lambda rows: [paths[row] for row in rows],
        left_out={
            reason: [str(Path(path).relative_to(root)) for path in left_out[reason]] for reason in sorted(left_out)
        },
    )


def _folders_of_classes(folder: Path) -> dict[str, str]:
    """The folder of each class, by the normal form of its name."""
    folders: dict[str, str] = {}
    for name_on_disk in classes_in(folder):
        normal = unicodedata.normalize("NFC", name_on_disk)
        if not normal.isprintable():
            raise UserError(
                f"image folder {folder} holds the class {normal!r}, whose name is no text of UTF-8 or has a line break "
                "in it: give it another name"
            )
        if folders.setdefault(normal, name_on_disk) != name_on_disk:
            raise UserError(
                f"image folder {folder} holds the class {normal!r} twice, with the accents written in two ways: move "
                "the images into one folder"
            )
    alike = {name.lower() for name in folders}
    if len(alike) > 1 and alike <= {*PICTURES, *MASKS}:
        raise UserError(
            f"image folder {folder} holds {' and '.join(sorted(folders))}, which are no classes: put the images of "
            f"each class into {folder}/CLASS/"
        )
    if not folders:
        raise UserError(f"image folder {folder} holds no folders of classes: put the images into {folder}/CLASS/")
    return folders


def _check_whole(folder: Path, files: list[str]) -> None:
    """Refuses the folder of a class that is split into parts, which would count as one."""
    start = len(str(folder)) + 1
    inside = {file[start:].partition(os.sep)[0].lower() for file in files}
    if not inside.isdisjoint(TRAINING) and not inside.isdisjoint((*TESTING, *VALIDATION)):
        parts = " and ".join(f"{name}/" for name in sorted(inside.intersection((*TRAINING, *TESTING, *VALIDATION))))
        raise UserError(
            f"image folder {folder} holds {parts}, whose images would count as one part: put the classes into the "
            f"parts, as train/{folder.name}/"
        )


def _outside_of_classes(folder: Path) -> LeftOut:
    """The files that lie beside the folders of classes, by the reason why they are not read."""
    left_out: LeftOut = {}
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if is_hidden(entry.name) or not entry.is_dir():
                reason = _no_image(entry) if is_hidden(entry.name) else "in no class"
                left_out.setdefault(str(reason), []).append(entry.path)
    return left_out


def _known(left_out: LeftOut) -> str:
    """Says which files a folder without images holds instead, and which would be read."""
    most = sorted(left_out.items(), key=lambda item: -len(item[1]))[:5]
    there = ", ".join(f"{len(paths)} of {reason}" for reason, paths in most)
    return f"{f'it holds {there}; ' if there else ''}known endings are {', '.join(ENDINGS)}"
