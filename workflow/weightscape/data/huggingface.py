"""Data sets of the Hugging Face library `datasets`: by hub id, or from a folder.

A folder is what `save_to_disk` wrote, or files that `load_dataset` reads (parquet, or images with metadata). Columns
name the image and its class; a further column may name the domain, of which one is chosen. Images are taken as
encoded files, so that they are decoded, counted and refused as those of every other source.
"""

from pathlib import Path
from typing import Any

import numpy as np

from weightscape.data.pools import Pool, aligned, joined
from weightscape.data.settings import Columns, HubSet, Huggingface
from weightscape.errors import UserError
from weightscape.formats import cache

MISSING = ("", "nan")
"""What stands in a column of names or numbers that lacks one, also as pandas writes it; in one of classes it is -1."""
ENCODED = ("binary", "large_binary", "string", "large_string", "dict")
"""Types of columns that `datasets.Image` reads: a file's bytes, its path, or both."""


def pool(source: Huggingface, name: str, _classes: list[str] | None = None) -> Pool | None:
    """The part `train`, `val` or `test` of a data set; None where `parts` names none."""
    name_there = source.parts.of(name)
    return part(source, name_there, source.columns, source.domain) if name_there is not None else None


def domain(source: Huggingface, name: str, _classes: list[str]) -> Pool:
    """The images of one domain, of all parts of the data set."""
    columns = source.columns
    parts = source.parts.there()
    holding = [name_there for name_there in parts if name in domains(source, name_there, columns)]
    pools = [part(source, name_there, columns, name) for name_there in holding or parts]
    classes = list(dict.fromkeys(label for pool in pools for label in pool.classes))
    return joined([aligned(pool, classes, every=True) for pool in pools])


def loaded(source: HubSet, part: str, network: bool = False) -> Any:
    """The part `part` of the data set; from the cache alone unless `network`."""
    cache.set_up(network)
    import datasets
    from datasets.exceptions import DatasetsError

    datasets.disable_progress_bars()
    path = source.path
    try:
        if _saved(Path(path)):
            return _part_of(datasets.load_from_disk(path), source, part)
        return datasets.load_dataset(path, source.configuration, split=part, revision=source.revision)
    except (OSError, ValueError, DatasetsError) as error:
        raise UserError(
            f"data set {path} (part {part!r}) cannot be read ({error!s:.300}): correct `path`, `configuration` and "
            "`parts`, or let the rule `fetch` download it"
        ) from None


def _part_of(saved: Any, source: HubSet, part: str) -> Any:
    """The part of what `save_to_disk` wrote; a single data set is the part that it was split off as, else `train`."""
    import datasets

    if source.configuration is not None:
        raise UserError(
            f"data set {source.path} was saved by save_to_disk, which keeps one configuration: set `configuration` to "
            "null"
        )
    whole = isinstance(saved, datasets.DatasetDict)
    parts = {str(name): rows for name, rows in saved.items()} if whole else {str(saved.split or "train"): saved}
    if part not in parts:
        raise UserError(f"data set {source.path} has no part {part!r}; it has {', '.join(parts)}: correct `parts`")
    return parts[part]


def _saved(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("dataset_dict.json", "state.json"))


def part(data_set: HubSet, part: str, columns: Columns, domain: str | None = None) -> Pool:
    """The images of one part, of one domain if that is given; `columns` names image, label and domain."""
    source, path = loaded(data_set, part), data_set.path
    _check_columns(source, path, columns)
    image, label = columns.image, columns.label
    values, classes = _names(source, label, path)
    rows = np.arange(len(source))
    if domain is not None:
        domains, names = _names(source, str(columns.domain), path)
        if domain not in names:
            raise UserError(f"data set {path} has no domain {domain!r}; it has {', '.join(names)}: correct `domain`")
        rows = np.flatnonzero(domains == names.index(domain))
    import datasets

    encoded = source.select_columns([image]).cast_column(image, datasets.Image(decode=False))
    roots = [Path(path).resolve(), *(place.resolve() for place in cache.downloads())]
    whole = Pool(
        values,
        classes,
        name=lambda row: f"{path} {part}[{row}]",
        encoded=lambda chosen: [_encoded(value, path, roots) for value in encoded[[int(row) for row in chosen]][image]],
    )
    return whole if domain is None else whole.take(rows)


def domains(data_set: HubSet, part: str, columns: Columns) -> list[str]:
    """The domains that one part holds."""
    source = loaded(data_set, part)
    _check_columns(source, data_set.path, columns)
    values, names = _names(source, str(columns.domain), data_set.path)
    return [names[value] for value in np.unique(values)]


def _encoded(value: Any, path: str, roots: list[Path]) -> bytes | str:
    """The content of an image, or its file, which must lie in the data set's folder or in the cache."""
    if value is None:
        return b""
    if value.get("bytes") is not None:
        return value["bytes"]
    file = Path(path, str(value["path"])).resolve()
    if not any(file.is_relative_to(root) for root in roots):
        raise UserError(f"data set {path} names the image {file}, outside of its folder: use only sets that you trust")
    return str(file)


def _check_columns(source: Any, path: str, columns: Columns) -> None:
    """The image's column must hold images, or the bytes of files; those of class and domain one value per row."""
    import datasets

    for kind, name in vars(columns).items():
        if name is None:
            continue
        if name not in source.column_names:
            allowed = ", ".join(source.column_names)
            raise UserError(f"data set {path} has no column {name!r}; it has {allowed}: correct `columns.{kind}`")
        feature = source.features[name]
        named = feature.dtype if isinstance(feature, datasets.Value) else type(feature).__name__
        if kind == "image" and not (isinstance(feature, datasets.Image) or named in ENCODED):
            raise UserError(f"data set {path} has {named} in the column {name!r}, not images: correct `columns.image`")
        if kind != "image" and not isinstance(feature, datasets.Value | datasets.ClassLabel):
            raise UserError(
                f"data set {path} has {named} in the column {name!r}, not one name or number per image: correct "
                f"`columns.{kind}`"
            )


def _names(source: Any, column: str, path: str) -> tuple[np.ndarray, list[str]]:
    """A column as int64 labels, and the names that these stand for."""
    import datasets

    stored = source.select_columns([column]).with_format("arrow")[:][column]
    feature = source.features[column]
    classes = isinstance(feature, datasets.ClassLabel)
    values = stored.to_numpy()
    texts = values if classes else np.char.strip(values.astype(str))
    empty = np.asarray(stored.is_null()) | (values == -1 if classes else np.isin(texts, MISSING))
    if empty.any():
        raise UserError(
            f"data set {path} has {int(empty.sum())} of {len(values)} rows without a {column!r} (the first: "
            f"{int(empty.argmax())}): use a part that has it, or remove those rows"
        )
    if classes:
        return values.astype(np.int64), list(feature.names)
    names, labels = np.unique(texts, return_inverse=True)
    return labels.astype(np.int64), names.tolist()
