"""The sources of real images behind one interface: settings in, pools out.

The `kind` of a source leads to its module (`readers`), which is imported by name, so that a data set depends on its own
source alone. There `pool` opens the training or test part and `domain` a shifted test set. Classes and caps are chosen
here, so that every split of a data set sees the same.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from weightscape.data import readers
from weightscape.data.decoding import Form
from weightscape.data.pools import (
    Counted,
    Pool,
    aligned,
    capped,
    check_apart,
    drawn,
    of_classes,
    present,
    relabelled,
    split,
)
from weightscape.data.settings import Count, Domain, OtherFolder, Source, Torchvision
from weightscape.data.splits import ALL
from weightscape.errors import UserError
from weightscape.seeds import generator


def form_of(source: Source) -> Form:
    """The form that every image of a data set is brought into."""
    return Form(source.image.size, source.image.channels, source.image.pixel_limit)


def pool_of(source: Source, name: str, wanted: Mapping[str, Count], seed: int) -> Pool:
    """The split `name` of a data set, of which `wanted` counts the splits."""
    return split(_chosen(source, seed), wanted, name, np.random.default_rng(seed))


def counted(source: Source, wanted: Mapping[str, Count], shifts: Mapping[str, Domain | OtherFolder]) -> Counted:
    """Counts the images of the splits and of the shifts of a data set: reads none, but finds every fault of them."""
    parts = _chosen(source, 0)
    rng = np.random.default_rng(0)
    labels = {name: split(parts, wanted, name, rng).labels for name in wanted}
    counts = {name: len(of_split) for name, of_split in labels.items()}
    for name, shift in shifts.items():
        try:
            counts[f"ood-{name}"] = len(shifted(source, shift, 0).labels)
        except UserError as fault:
            raise UserError(f"ood.{name}: {fault}") from None
    classes = parts["train"].classes
    return Counted(counts, classes, np.bincount(labels["train"], minlength=len(classes)).tolist())


def opened(source: Source) -> dict[str, Pool]:
    """The parts of a data set, of the classes asked for, before any image is read."""
    return _chosen(source, 0)


def _chosen(source: Source, seed: int) -> dict[str, Pool]:
    """The training part, and the validation and test parts if there are any, of the classes asked for, capped."""
    reader = readers.module(source.kind)
    whole = reader.pool(source, "train")
    train = of_classes(present(whole), source.classes)
    if not isinstance(source, Torchvision) and not isinstance(source.classes, tuple):
        check_apart(train.classes)
    if len(train.classes) < 2:
        raise UserError(
            f"the data set has images of one class to train on ({train.classes[0]!r}), but a network must tell two "
            "apart: add another class"
        )
    chosen = {"train": train}
    for name in ("val", "test"):
        part = reader.pool(source, name, whole.classes)
        if part is not None:
            chosen[name] = aligned(part, train.classes, every=source.classes == ALL)
    return {name: capped(part, source.per_class, generator(seed, "per class", name)) for name, part in chosen.items()}


def shifted(source: Source, shift: Domain | OtherFolder, seed: int) -> Pool:
    """An OOD set: a domain of the data set's own source, or another source under the same class names."""
    reader = readers.module(source.kind)
    whole = reader.pool(source, "train")
    train = of_classes(present(whole), source.classes)
    if isinstance(shift, Domain):
        domain = reader.domain(source, shift.domain, whole.classes)
        labelled = aligned(domain, train.classes, every=source.classes == ALL)
        return drawn(labelled, shift.images, np.random.default_rng(seed))
    other = relabelled(readers.module(shift.kind).part(Path(shift.root), ""), train.classes)
    return drawn(other, shift.images, np.random.default_rng(seed))
