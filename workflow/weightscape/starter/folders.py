"""Finds the data set in a folder: image files in folders of classes, numpy files, or what `datasets` reads."""

import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from weightscape.data.image_folder import (
    HERE,
    TESTING,
    TRAINING,
    VALIDATION,
    classes_in,
    files_of,
    is_hidden,
    validation,
)
from weightscape.errors import UserError
from weightscape.starter import array_files
from weightscape.starter.data_set import DataSet, name_of, opened
from weightscape.study import Config

OOD = ("ood",)
PARTS = (*TRAINING, *TESTING, *VALIDATION, *OOD)
PART_WORDS = {part for part in (*TRAINING, *TESTING, *VALIDATION) if part.isalpha()}
DEEPEST = 3
"""Folders in folders that are looked through for the one that holds more than another folder."""


def found(folder: Path, written: str, beside: Path) -> DataSet:
    """The data set in a folder, which the study calls `written`; arrays of other forms are saved again in `beside`."""
    inner = _unpacked(folder)
    root = written if inner == folder else str(Path(written) / inner.relative_to(folder))
    name = name_of(folder.resolve().name)
    _check_one_kind(inner)
    if any(inner.glob("*.images.npy")):
        return of_arrays(inner, root, name, [])
    if array_files.files_in(inner):
        there, notes = array_files.saved(inner, beside)
        return of_arrays(there, str(beside), name, notes)
    if any((inner / file).is_file() for file in ("dataset_dict.json", "state.json")) or any(inner.glob("*.parquet")):
        from weightscape.starter.named_sets import of_hub

        return of_hub(root)
    return _of_images(inner, root, name)


def _check_one_kind(folder: Path) -> None:
    """Refuses a folder of images beside files that hold a data set, too: one of them would not be read."""
    files = [*array_files.files_in(folder), *sorted(folder.glob("*.parquet"))]
    pictured = next((name for name in classes_in(folder) if files_of(str(folder / name))), None) if files else None
    if pictured:
        raise UserError(
            f"{folder} holds images in {pictured}/ and {files[0].name} beside them, of which one alone can be the data "
            "set: move the other elsewhere"
        )


def _unpacked(folder: Path) -> Path:
    """The folder, or the only one in it, as archives unpack to."""
    for _ in range(DEEPEST):
        inside = [entry for entry in folder.iterdir() if not is_hidden(entry.name)]
        if len(inside) != 1 or not inside[0].is_dir() or inside[0].name.lower() in PARTS:
            break
        folder = inside[0]
    return folder


def _of_images(folder: Path, root: str, name: str) -> DataSet:
    """A folder of images, by the names of its folders."""
    train, test, shifted = (_one(folder, names) for names in (TRAINING, TESTING, OOD))
    others = [test, *validation(folder)]
    if train is None and any(others):
        raise UserError(
            f"{folder} has {next(filter(None, others))}/ but no train/: put the training images into "
            f"{folder}/train/CLASS/"
        )
    if train is None and not classes_in(folder):
        raise UserError(
            f"{folder} holds no folders: put the images of each class into a folder of its own, {folder}/CLASS/"
        )
    parts = {"train": train or HERE, "test": test}
    block: dict[str, object] = {"source": "image_folder", "root": root}
    if (train, test) not in (("train", "test"), ("train", None)):
        block["parts"] = parts
    filled, empty = _filled(folder / parts["train"], shifted if train is None else None)
    domains = _domains(folder / shifted) if shifted else []
    beside = [folder / part for part in others if part]
    beside += [folder / str(shifted) / domain for domain in domains]
    for part in beside:
        names = sorted(map(_normal, classes_in(part)))
        if set(filled).isdisjoint(names):
            raise UserError(
                f"{part} has the classes {', '.join(names[:5])}, of which {folder / parts['train']} has none (it has "
                f"{', '.join(filled[:5])}): name its folders as those, or move it elsewhere"
            )
    strangers = sorted({_normal(name) for part in beside for name in classes_in(part)} - set(filled))
    notes = [f"no class of the study, as no image is there: {', '.join(empty)}"] if empty else []
    notes += [f"no class of the study, as train has none: {', '.join(strangers)}"] if strangers else []
    notes += _sharing(folder / parts["train"], filled)
    is_chosen = bool(empty or strangers or (train is None and shifted))
    data = _opened(folder, block, name, tuple(filled) if is_chosen else (), notes)
    return replace(data, domains=tuple(domains))


def _one(folder: Path, names: tuple[str, ...]) -> str | None:
    """The folder in a folder that has one of these names, in any capitals."""
    there = [name for name in classes_in(folder) if name.lower() in names]
    if len(there) > 1:
        raise UserError(f"{folder} has both {there[0]}/ and {there[1]}/: leave one of them there")
    return there[0] if there else None


def _normal(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _filled(train: Path, beside: str | None) -> tuple[list[str], list[str]]:
    """The folders of classes that have images, and those that have none; `beside` them may stand another folder."""
    names = [name for name in classes_in(train) if name != beside]
    if not names:
        raise UserError(f"{train} holds no folders of classes: put the images into {train}/CLASS/")
    filled = [name for name in names if files_of(str(train / name))]
    if len(filled) < 2:
        raise UserError(
            f"{train} has images in {len(filled)} of its {len(names)} folders ({', '.join(names[:5])}): a study needs "
            "two classes or more, each in a folder of its own"
        )
    if all(PART_WORDS & array_files.words(name) for name in filled):
        raise UserError(
            f"{train} has {' and '.join(f'{name}/' for name in filled[:3])}, which are parts, no classes: call them "
            "train/ and test/, with the folders of classes right below"
        )
    return [_normal(name) for name in filled], [name for name in names if name not in filled]


def _sharing(train: Path, classes: list[str]) -> list[str]:
    """A note if the folders of classes hold folders of the same names, which may be the classes."""
    inside = [set(classes_in(train / name)) for name in classes if (train / name).is_dir()]
    shared = set.intersection(*inside) if inside else set()
    if len(shared) < 2 or 2 * len(shared) < len(set.union(*inside)):
        return []
    return [
        f"{', '.join(classes[:3])}{', ...' if len(classes) > 3 else ''} count as the classes, but each holds "
        f"{', '.join(sorted(shared)[:3])}{', ...' if len(shared) > 3 else ''}: if those are the classes, put them into "
        "train/CLASS/, test/CLASS/ and ood/NAME/CLASS/"
    ]


def _domains(shifted: Path) -> list[str]:
    """The shifted test sets in a folder, each of which holds folders of classes."""
    domains = [name for name in classes_in(shifted) if any(_images_in(shifted / name))]
    others = [name for name in classes_in(shifted) if name not in domains and files_of(str(shifted / name))]
    if others:
        raise UserError(
            f"{shifted / others[0]} holds images but no folders of classes: put them into {shifted}/NAME/CLASS/, where "
            "NAME is that of a shifted test set"
        )
    return domains


def _images_in(folder: Path) -> Iterator[str]:
    for name in classes_in(folder):
        yield from files_of(str(folder / name))


def of_arrays(folder: Path, root: str, name: str, notes: list[str]) -> DataSet:
    """A folder of numpy files in the form that the source `arrays` reads."""
    there = [path.name.removesuffix(".images.npy") for path in sorted(folder.glob("*.images.npy"))]
    train = next((part for part in there if part.lower() in TRAINING), None)
    if train is None:
        raise UserError(f"{folder} has {there[0]}.images.npy but no train.images.npy: name the training part so")
    test = next((part for part in there if part.lower() in TESTING), None)
    block: dict[str, object] = {"source": "arrays", "root": root}
    if train != "train" or test not in ("test", None):
        block["parts"] = {"train": train, "test": test}
    return _opened(folder, block, name, (), notes)


def _opened(folder: Path, block: Config, name: str, chosen: tuple[str, ...], notes: list[str]) -> DataSet:
    """The folder's data set, with the names of shifted test sets that are arrays."""
    shifted = [path.name[4:].removesuffix(".images.npy") for path in sorted(folder.glob("ood-*.images.npy"))]
    data = opened(name, block, {**block, "root": str(folder)}, chosen)
    return replace(data, domains=tuple(shifted), notes=tuple(notes))
