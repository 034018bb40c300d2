"""The sources of real images behind one interface: settings in, pools out.

A block of the config names its `source`: `torchvision`, `image_folder`, `arrays` or `huggingface` (`digits` makes the
digits that packages ship). Each has a module with `pool` (a training or test part), `has_test` and `domain` (a shifted
test set of its own), which is imported by name (`readers`), so that a data set depends on its own source alone. Classes
and caps are chosen here, so that every split of a data set sees the same.
"""

from pathlib import Path
from typing import Any

import numpy as np

from weightscape.data import readers
from weightscape.data.decoding import Form
from weightscape.data.pools import Counted, Pool, aligned, capped, drawn, of_classes, present, relabelled, split
from weightscape.data.splits import ALL, corrupted_count
from weightscape.errors import UserError
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
    counts = {name: len(of_split) for name, of_split in labels.items()}
    for name, ood in block["ood"].items():
        try:
            counts[f"ood-{name}"] = _shifted_count(block, ood, counts["test"])
        except UserError as fault:
            raise UserError(f"ood.{name}: {fault}") from None
    per_class = np.bincount(labels["train"], minlength=len(train.classes))
    return Counted(counts, train.classes, per_class.tolist())


def _shifted_count(block: Block, ood: Block, test: int) -> int:
    """Images of an OOD set; corruptions are of the test images."""
    return corrupted_count(ood["images"], test) if ood["source"] == "corruption" else len(shifted(block, ood, 0).labels)


def _chosen(block: Block, seed: int) -> tuple[Pool, Pool | None]:
    """The training and the test part, of the classes that are asked for, capped."""
    reader = readers.module(block["source"])
    train = reader.pool(block, "train")
    test = reader.pool(block, "test", train.classes) if reader.has_test(block) else None
    train = of_classes(present(train), block["classes"])
    test = test and aligned(test, train.classes, every=block["classes"] == ALL)
    return _capped(train, block, "train", seed), test and _capped(test, block, "test", seed)


def shifted(block: Block, ood: Block, seed: int) -> Pool:
    """An OOD set: a domain of the data set's own source, or another source under the same class names."""
    reader = readers.module(block["source"])
    whole = reader.pool(block, "train")
    train = of_classes(present(whole), block["classes"])
    if ood["source"] == "domain":
        domain = reader.domain(block, ood["domain"], whole.classes)
        labelled = aligned(domain, train.classes, every=block["classes"] == ALL)
        return drawn(labelled, ood["images"], np.random.default_rng(seed))
    other = relabelled(readers.module(ood["source"]).part(Path(ood["root"]), ""), train.classes)
    return drawn(other, ood["images"], np.random.default_rng(seed))


def _capped(pool: Pool, block: Block, part: str, seed: int) -> Pool:
    return capped(pool, block["per_class"], generator(seed, "per class", part))
