"""Data sets by name: those of torchvision and of the hub, looked at only if they lie in the cache already."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from weightscape.data import torchvision_names
from weightscape.errors import UserError
from weightscape.formats.json_yaml import read_json, read_yaml
from weightscape.project import WORKFLOW
from weightscape.starter.data_set import DataSet, name_of, opened
from weightscape.study import Config


class Known(NamedTuple):
    """A set of torchvision: its names of its parts, the side of its images in px, channels, drawn or photographed."""

    train: str = "train"
    test: str | None = "test"
    side: int = 224
    channels: int = 3
    is_drawn: bool = False


KNOWN = {
    **dict.fromkeys(("CIFAR10", "CIFAR100", "SVHN"), Known(side=32)),
    **dict.fromkeys(("MNIST", "FashionMNIST", "KMNIST", "QMNIST", "EMNIST"), Known(side=28, channels=1, is_drawn=True)),
    "USPS": Known(side=16, channels=1, is_drawn=True),
    "SEMEION": Known(test=None, side=16, channels=1, is_drawn=True),
    "STL10": Known(side=96),
    "PCAM": Known(side=96),
    "GTSRB": Known(side=32),
    "EuroSAT": Known(test=None, side=64),
    **dict.fromkeys(("Caltech101", "Caltech256", "SUN397"), Known(test=None)),
    **dict.fromkeys(("OxfordIIITPet", "FGVCAircraft"), Known(train="trainval")),
    **dict.fromkeys(("Imagenette", "ImageNet"), Known(test="val")),
    "Places365": Known(train="train-standard", test="val"),
    "RenderedSST2": Known(is_drawn=True),
    **dict.fromkeys(("DTD", "Food101", "Flowers102", "StanfordCars", "Country211"), Known()),
}
OPTIONS = {"EMNIST": {"split": "balanced"}}
UNSTATED = {"train": 2000, "test": 500}
"""Images of a set of the hub that are taken to be there as long as nobody has counted them."""


def is_hub_name(text: str) -> bool:
    """Whether a text can be OWNER/NAME of the hub."""
    return text.count("/") == 1 and not text.startswith((".", "/", "~")) and not text.endswith("/")


def torchvision_name(text: str) -> str | None:
    """torchvision's spelling of a set's name, whatever its capitals and dashes; None if it has none such."""
    plain = text.lower().replace("-", "").replace("_", "")
    return next((name for name in torchvision_names.NAMES if name.lower() == plain), None)


def of_torchvision(name: str) -> DataSet:
    """A set of torchvision, looked at if the rule `fetch` has brought it already."""
    from weightscape.data.torchvision_sets import downloaded

    if name not in KNOWN:
        raise UserError(
            f"torchvision's {name} has parts or targets that a study must choose: write its file by hand, as "
            f"workflow/docs/sources.md says; init knows {', '.join(KNOWN)}"
        )
    row = KNOWN[name]
    block = {
        "source": "torchvision",
        "name": name,
        "parts": {"train": row.train, "test": row.test},
        **({"options": OPTIONS[name]} if name in OPTIONS else {}),
    }
    if downloaded(name).is_dir():
        return _opened(name_of(name), block, "its files are in the cache")
    counts = _counts(name)
    largest = 1.5 / counts["classes"]  # classes of unequal sizes
    return DataSet(
        name_of(name),
        block,
        counts["classes"],
        {part: counts[part] for part in ("train", "test") if counts[part]},
        largest,
        side=row.side,
        channels=row.channels,
        is_drawn=row.is_drawn,
        notes=("not looked at, as it is not downloaded yet; counts are those that its authors published",),
    )


def _counts(name: str) -> dict[str, int]:
    known: Mapping[str, dict[str, int]] = read_yaml(WORKFLOW / "docs" / "cost.yaml")["images"]
    return known[name]


def of_hub(path: str) -> DataSet:
    """A data set that the library `datasets` reads: a folder, or a name of the hub that nobody has looked up yet."""
    parts, columns = {"train": "train", "test": "test"}, {"image": "image", "label": "label", "domain": None}
    block: dict[str, object] = {"source": "huggingface", "path": path, "parts": parts, "columns": columns}
    folder = Path(path)
    if folder.is_dir():
        block |= _of_folder(folder)
        return _opened(name_of(folder.resolve().name), block, "read by the library datasets")
    published = read_yaml(WORKFLOW / "docs" / "cost.yaml")["images"].get(path)
    counts = published or {**UNSTATED, "classes": 10}
    said = "counts are those that its authors published" if published else "its counts are not known: correct `splits`"
    return DataSet(
        name_of(path.rpartition("/")[2]),
        block,
        counts["classes"],
        {part: counts[part] for part in ("train", "test") if counts[part]},
        1.5 / counts["classes"],
        notes=(
            f"no such folder here, so a data set of the hub, which is not downloaded yet; {said}; check `parts` and "
            "`columns` on its page",
        ),
    )


def _of_folder(folder: Path) -> Config:
    """The parts and columns of what `save_to_disk` wrote, or of parquet files whose names begin with their part's."""
    import datasets

    loaded: Any
    if (folder / "dataset_dict.json").is_file():
        names = read_json(folder / "dataset_dict.json").get("splits", [])
        loaded = datasets.load_from_disk(str(folder / names[0]))
        features = loaded.features
    elif (folder / "state.json").is_file():
        loaded = datasets.load_from_disk(str(folder))
        names, features = [str(loaded.split or "train")], loaded.features
    else:
        loaded = datasets.load_dataset(str(folder))
        names, features = list(map(str, loaded)), next(iter(loaded.values())).features
    train = next((name for name in names if name.startswith("train")), names[0])
    test = next((name for name in names if name != train and name.startswith(("test", "val"))), None)
    images = [name for name, kind in features.items() if isinstance(kind, datasets.Image)]
    labels = [name for name, kind in features.items() if isinstance(kind, datasets.ClassLabel)]
    labels += [name for name in ("label", "labels", "class", "target") if name in features and name not in labels]
    if not images or not labels:
        raise UserError(
            f"data set {folder} has the columns {', '.join(features)}: init finds no column of images and of classes "
            "among them; write the study by hand, as workflow/docs/sources.md says"
        )
    columns = {"image": images[0], "label": labels[0], "domain": None}
    return {"parts": {"train": train, "test": test}, "columns": columns}


def _opened(name: str, block: Config, note: str) -> DataSet:
    hub = {"configuration": None, "revision": None, "domain": None}
    further = {"root": None, "options": {}} if block["source"] == "torchvision" else hub
    return replace(opened(name, block, {**further, **block}), notes=(note,))
