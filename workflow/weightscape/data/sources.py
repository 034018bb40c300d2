"""The sources of real images behind one interface: settings in, pools out.

A block of the config names its `source`: `torchvision`, `image_folder`, `arrays` or `huggingface` (the digits that
packages ship are made by `digits`). Each opens a training part, a test part if it has one, and what it offers as
shifted test sets. Classes and caps are chosen here, so that every split of a data set sees the same.
"""

from pathlib import Path
from typing import Any

import numpy as np

from weightscape.data import arrays, image_folder
from weightscape.data.decoding import Form
from weightscape.data.pools import ALL, Counted, Pool, aligned, capped, drawn, of_classes, present, relabelled, split
from weightscape.errors import UserError
from weightscape.formats import cache
from weightscape.seeds import generator

Block = dict[str, Any]


def form_of(block: Block) -> Form:
    """What every image of a data set becomes."""
    return Form(**block["image"])


def pool_of(block: Block, name: str, wanted: dict[str, str | int], seed: int) -> Pool:
    """The split `name` of a data set, of which `wanted` counts the splits."""
    return split(*_chosen(block, seed), wanted, name, np.random.default_rng(seed))


def counted(block: Block) -> Counted:
    """How many images there are: none is read, but every fault of the block is found."""
    train, test = _chosen(block, 0)
    rng = np.random.default_rng(0)
    labels = {name: split(train, test, block["splits"], name, rng).labels for name in block["splits"]}
    found = {name: len(each) for name, each in labels.items()}
    for name, ood in block["ood"].items():
        try:
            found[f"ood-{name}"] = _shifted_count(block, ood, found["test"])
        except UserError as fault:
            raise UserError(f"ood.{name}: {fault}") from None
    each = np.bincount(labels["train"], minlength=len(train.classes))
    return Counted(found, train.classes, each.tolist())


def _shifted_count(block: Block, ood: Block, test: int) -> int:
    """Images of an OOD set; corruptions are of the test images."""
    return corrupted_count(ood["images"], test) if ood["source"] == "corruption" else len(shifted(block, ood, 0).labels)


def corrupted_count(images: str | int, test: int) -> int:
    """How many test images a corruption takes."""
    count = test if images == ALL else int(images)
    if count > test:
        raise UserError(f"{count} images are asked for, but the test split has {test}: lower `images`, or write all")
    return count


def _chosen(block: Block, seed: int) -> tuple[Pool, Pool | None]:
    """The training and the test part, of the classes that are asked for, capped."""
    train = _part(block, "train")
    test = _part(block, "test", train.classes) if _has_test(block) else None
    train = of_classes(present(train), block["classes"])
    test = test and aligned(test, train.classes, every=block["classes"] == ALL)
    return _capped(train, block, "train", seed), test and _capped(test, block, "test", seed)


def shifted(block: Block, ood: Block, seed: int) -> Pool:
    """An OOD set: a domain of the data set's own source, or another source under the same class names."""
    whole = _part(block, "train")
    train = of_classes(present(whole), block["classes"])
    if ood["source"] == "domain":
        found = _domain(block, ood["domain"], whole.classes)
        known = aligned(found, train.classes, every=block["classes"] == ALL)
        return drawn(known, ood["images"], np.random.default_rng(seed))
    other = relabelled(image_folder.part(Path(ood["root"]), ""), train.classes)
    return drawn(other, ood["images"], np.random.default_rng(seed))


def _capped(pool: Pool, block: Block, part: str, seed: int) -> Pool:
    return capped(pool, block["per_class"], generator(seed, "per class", part))


def _has_test(block: Block) -> bool:
    if block["source"] == "image_folder":
        return (Path(block["root"]) / "test").is_dir()
    if block["source"] == "arrays":
        return (Path(block["root"]) / "test.images.npy").is_file()
    return block["parts"]["test"] is not None


def _part(block: Block, part: str, classes: list[str] | None = None) -> Pool:
    source = block["source"]
    if source == "image_folder":
        return image_folder.part(Path(block["root"]), part, classes)
    if source == "arrays":
        return arrays.part(Path(block["root"]), part, classes)
    if source == "torchvision":
        from weightscape.data import torchvision_sets

        return torchvision_sets.part(block["name"], torchvision_root(block), block["parts"][part], block["options"])
    from weightscape.data import huggingface

    return huggingface.part(huggingface.where(block), block["parts"][part], block["columns"], block["domain"])


def _domain(block: Block, domain: str, classes: list[str]) -> Pool:
    source = block["source"]
    if source == "image_folder":
        return image_folder.part(Path(block["root"]) / "ood", domain, classes)
    if source == "arrays":
        return arrays.part(Path(block["root"]), f"ood-{domain}", classes)
    if source != "huggingface" or block["columns"]["domain"] is None:
        raise UserError(f"a data set of source {source!r} without a column of domains has no domain {domain!r}")
    from weightscape.data import huggingface

    parts = [part for part in dict.fromkeys(block["parts"].values()) if part is not None]
    where, columns = huggingface.where(block), block["columns"]
    holding = [part for part in parts if domain in huggingface.domains(where, part, columns)]
    pools = [huggingface.part(where, part, columns, domain) for part in holding or parts]
    names = list(dict.fromkeys(name for pool in pools for name in pool.classes))
    return _joined([aligned(pool, names, every=True) for pool in pools])


def _joined(pools: list[Pool]) -> Pool:
    """Pools of encoded images one after the other."""
    starts = np.cumsum([0, *(len(pool.labels) for pool in pools)])

    def at(row: int) -> tuple[Pool, int]:
        place = int(np.searchsorted(starts, row, "right")) - 1
        return pools[place], row - int(starts[place])

    def encoded(rows: np.ndarray) -> list[bytes | str]:
        found = (at(int(row)) for row in rows)
        return [one for pool, row in found if pool.encoded for one in pool.encoded(np.array([row]))]

    def name(row: int) -> str:
        pool, own = at(row)
        return pool.name(own)

    if len(pools) == 1:
        return pools[0]
    labels = np.concatenate([pool.labels for pool in pools])
    return Pool(labels, pools[0].classes, name, encoded=encoded)


def torchvision_root(block: Block) -> Path:
    """Where a torchvision set lies: `root`, or the cache that `fetch` fills."""
    return Path(block["root"]) if block["root"] else cache.folder() / "torchvision" / block["name"]


__all__ = ["ALL", "Counted", "corrupted_count", "counted", "form_of", "pool_of", "shifted", "torchvision_root"]
