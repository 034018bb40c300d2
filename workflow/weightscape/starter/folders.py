"""Finds the data set in a folder: image files in folders of classes, numpy files, or what `datasets` reads."""

import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from weightscape.data.image_folder import HERE, VALIDATION, classes_in, files_of, is_hidden, validation
from weightscape.errors import UserError
from weightscape.starter import array_files
from weightscape.starter.data_set import DataSet, name_of, opened
from weightscape.study import Config

TRAIN = ("train", "training", "train_images", "trainset", "training_set")
TEST = ("test", "testing", "test_images", "testset", "test_set")
PARTS = (*TRAIN, *TEST, *VALIDATION, "ood")
DEEPEST = 3
"""Folders in folders that are looked through for the one that holds more than another folder."""


def found(folder: Path, written: str, beside: Path) -> DataSet:
    """The data set in a folder, which the study calls `written`; arrays of other forms are saved again in `beside`."""
    inner = _unpacked(folder)
    root = written if inner == folder else str(Path(written) / inner.relative_to(folder))
    name = name_of(folder.resolve().name)
    if any(inner.glob("*.images.npy")):
        return of_arrays(inner, root, name, [])
    if array_files.files_in(inner):
        there, notes = array_files.saved(inner, beside)
        return of_arrays(there, str(beside), name, notes)
    if any((inner / file).is_file() for file in ("dataset_dict.json", "state.json")) or any(inner.glob("*.parquet")):
        from weightscape.starter.named_sets import of_hub

        return of_hub(root)
    return _of_images(inner, root, name)


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
    train, test = (_one(folder, names) for names in (TRAIN, TEST))
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
    filled, empty = _filled(folder / parts["train"], is_flat=train is None)
    beside = [folder / part for part in others if part]
    beside += [folder / "ood" / domain for domain in _domains(folder)]
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
    is_chosen = bool(empty or strangers or (train is None and (folder / "ood").is_dir()))
    return _opened(folder, block, name, tuple(filled) if is_chosen else (), notes)


def _one(folder: Path, names: tuple[str, ...]) -> str | None:
    """The folder in a folder that has one of these names, in any capitals."""
    there = [name for name in classes_in(folder) if name.lower() in names]
    if len(there) > 1:
        raise UserError(f"{folder} has both {there[0]}/ and {there[1]}/: leave one of them there")
    return there[0] if there else None


def _normal(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _filled(train: Path, is_flat: bool) -> tuple[list[str], list[str]]:
    """The folders of classes that have images, and those that have none."""
    names = [name for name in classes_in(train) if not (is_flat and name == "ood")]
    if not names:
        raise UserError(f"{train} holds no folders of classes: put the images into {train}/CLASS/")
    filled = [name for name in names if files_of(str(train / name))]
    if len(filled) < 2:
        raise UserError(
            f"{train} has images in {len(filled)} of its {len(names)} folders ({', '.join(names[:5])}): a study needs "
            "two classes or more, each in a folder of its own"
        )
    return [_normal(name) for name in filled], [name for name in names if name not in filled]


def _domains(folder: Path) -> list[str]:
    """The folders of shifted test sets that hold folders of classes."""
    names = classes_in(folder / "ood") if (folder / "ood").is_dir() else []
    return [name for name in names if any(_images_in(folder / "ood" / name))]


def _images_in(folder: Path) -> Iterator[str]:
    for name in classes_in(folder):
        yield from files_of(str(folder / name))


def of_arrays(folder: Path, root: str, name: str, notes: list[str]) -> DataSet:
    """A folder of numpy files in the form that the source `arrays` reads."""
    there = [path.name.removesuffix(".images.npy") for path in sorted(folder.glob("*.images.npy"))]
    train = next((part for part in there if part.lower() in TRAIN), None)
    if train is None:
        raise UserError(f"{folder} has {there[0]}.images.npy but no train.images.npy: name the training part so")
    test = next((part for part in there if part.lower() in TEST), None)
    block: dict[str, object] = {"source": "arrays", "root": root}
    if train != "train" or test not in ("test", None):
        block["parts"] = {"train": train, "test": test}
    return _opened(folder, block, name, (), notes)


def _opened(folder: Path, block: Config, name: str, chosen: tuple[str, ...], notes: list[str]) -> DataSet:
    """The folder's data set, with the names of its shifted test sets."""
    shifted = [path.name[4:].removesuffix(".images.npy") for path in sorted(folder.glob("ood-*.images.npy"))]
    domains = tuple(shifted if block["source"] == "arrays" else _domains(folder))
    return replace(opened(name, block, {**block, "root": str(folder)}, chosen), domains=domains, notes=tuple(notes))
