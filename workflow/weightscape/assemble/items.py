"""Lists the items that a network is trained on: (shard, index, label, origin), never pixels.

`shard` is a path below the results folder; `origin` is `real`, `extra` (further real images) or the generator's name;
`number` is the image's index within its origin: the row of the real training set or of the split `extra`, or the index
among the generator's images of this class and recipe. `true_label` is the label that the image was made or stored
with.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from weightscape.assemble.settings import ItemChange
from weightscape.errors import UserError
from weightscape.formats.shards import read_indices, read_labels
from weightscape.formats.tables import Table
from weightscape.provenance.records import place, read_record

COLUMNS = ["shard", "index", "label", "true_label", "origin", "recipe", "number"]


def listed(shard: str, labels: np.ndarray, origin: str, recipe: str = "", first: int = 0) -> Table:
    """Items of one whole shard."""
    count = len(labels)
    return pd.DataFrame(
        {
            "shard": shard,
            "index": np.arange(count),
            "label": labels,
            "true_label": labels,
            "origin": origin,
            "recipe": recipe,
            "number": np.arange(first, first + count),
        }
    )[COLUMNS]


class Chooser(Protocol):
    """Chooses further images, where they are not drawn at random."""

    def offered(self, real: Table, pool: Table, rng: np.random.Generator) -> Table:
        """The items of the pool that may be chosen."""
        ...

    def chosen(self, kept: Table, pool: Table, counts: "Counts", rng: np.random.Generator) -> Table:
        """So many items of each class of the pool in the order of choice, with `order` and `gain`."""
        ...


def assemble(
    real: Table,
    pool: Table | None,
    change: ItemChange,
    rng: np.random.Generator,
    classes: Sequence[str] = (),
    chooser: Chooser | None = None,
) -> Table:
    """The item list of a condition; without a change the real list itself.

    `pool` holds the images that are added or put in place of real ones: the generator's, or further real ones. The
    classes keep the shares that they have among the real images, up to one image of each. `classes` names them.
    """
    if change.kind == "none":
        return real
    if change.kind == "mislabel":
        return mislabelled(real, change.share, rng)
    if change.kind == "duplicate":
        return duplicated(real, change.share, rng)
    if pool is None:
        raise UserError(
            f"the change {change.kind!r} needs images to draw from, but none were given: pass --synthetic or --extra"
        )
    adds = change.kind == "add"
    if chooser is not None:
        pool = chooser.offered(real, pool, rng)
        counts = of_each_class(real, round(change.share * len(real)), rng, pool, adds, classes)
        kept = real if adds else without(real, counts, rng)
        items = pd.concat([kept, chooser.chosen(kept, pool, counts, rng)], ignore_index=True)
        return items.assign(order=items["order"].fillna(0).astype(int))
    counts = of_each_class(real, round(change.share * len(real)), rng, pool, adds, classes)
    extra = drawn(pool, counts, rng)
    if adds:
        return pd.concat([real, extra], ignore_index=True)
    return pd.concat([without(real, counts, rng), extra], ignore_index=True)


UNREADABLE = 0.1  # of the further real images of a class
Counts = dict[int, int]  # images of each class, by label


def of_each_class(
    real: Table, count: int, rng: np.random.Generator, pool: Table, adds: bool, classes: Sequence[str] = ()
) -> Counts:
    """How many of `count` images belong to each class, as among the real ones.

    Where the pool lacks less than two images of a class, as two splits may by rounding, or of further real ones less
    than a tenth, as some may be unreadable, other classes give more; but unless the pool `adds` to the real images, no
    class gives more than it has real ones to replace.
    """
    labels, sizes = np.unique(real["label"], return_counts=True)
    there = np.array([(pool["label"] == label).sum() for label in labels])
    wanted = count * sizes / len(real)
    short, most = wanted - there, there if adds else np.minimum(there, sizes)
    from_extra = len(pool) > 0 and pool["origin"].iloc[0] == "extra"
    allowed = np.maximum(2, UNREADABLE * wanted if from_extra else 0)
    if (short >= allowed).any() or (short[there == 0] >= 1).any() or most.sum() < count:
        worst = int((short / allowed).argmax())
        name = classes[labels[worst]] if classes else str(labels[worst])
        origin = f" of origin {pool['origin'].iloc[0]!r}" if len(pool) else ""
        raise UserError(
            f"{count} images{origin} are needed, as many of each class as its share of the real ones, but of class "
            f"{name!r} there are {there[worst]} of {round(wanted[worst])}: lower the share, or raise "
            f"{'data.splits.extra' if from_extra else 'images_per_class of this recipe or loosen generate.gate'}"
        )
    return dict(zip(labels.tolist(), apportioned(sizes, count, most, rng).tolist(), strict=True))


def apportioned(sizes: np.ndarray, count: int, most: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """`count` in proportion to `sizes`, by largest remainder (ties at random), at most `most` of each."""
    wanted = count * sizes / sizes.sum()
    given = np.minimum(count * sizes // sizes.sum(), most)
    ties = rng.random(len(sizes)) * 1e-6
    while given.sum() < count:
        given[np.where(given < most, wanted - given + ties, -np.inf).argmax()] += 1
    return given


def duplicated(real: Table, share: float, rng: np.random.Generator) -> Table:
    """As many items of each class, but a share of them copies: fewer different images."""
    count = round(share * len(real))
    labels, sizes = np.unique(real["label"], return_counts=True)
    if count > len(real) - len(labels):
        raise UserError(
            f"{count} of {len(real)} images cannot be copies, as one of each of {len(labels)} classes is none: lower "
            "the share"
        )
    counts = dict(zip(labels.tolist(), apportioned(sizes, count, sizes - 1, rng).tolist(), strict=True))
    kept = without(real, counts, rng)
    copies = [
        kept.iloc[np.resize(rng.permutation(np.flatnonzero(kept["label"] == label)), number)]
        for label, number in counts.items()
    ]
    return pd.concat([kept, *copies], ignore_index=True)


def drawn(pool: Table, counts: Counts, rng: np.random.Generator) -> Table:
    """So many items of each class of the pool, without replacement, in its order."""
    rows = [rng.permutation(np.flatnonzero(pool["label"] == label))[:number] for label, number in counts.items()]
    return pool.iloc[np.sort(np.concatenate(rows))]


def without(real: Table, counts: Counts, rng: np.random.Generator) -> Table:
    """The items but for so many of each class."""
    kept = {label: int((real["label"] == label).sum()) - number for label, number in counts.items()}
    return drawn(real, kept, rng)


def mislabelled(real: Table, share: float, rng: np.random.Generator) -> Table:
    """A share of the labels replaced by another class, uniformly."""
    changed = real.copy()
    classes = np.unique(real["label"])
    rows = rng.permutation(len(real))[: round(share * len(real))]
    old = np.searchsorted(classes, real["label"].to_numpy()[rows])
    new = (old + rng.integers(1, len(classes), len(rows))) % len(classes)
    changed.iloc[rows, changed.columns.get_loc("label")] = classes[new]
    return changed


def summary(items: Table) -> dict[str, float]:
    """Counts that prove what a list holds."""
    return {
        "items": len(items),
        "synthetic_share": float((~items["origin"].isin(["real", "extra"])).mean()),
        "extra_share": float((items["origin"] == "extra").mean()),
        "changed_labels": float((items["label"] != items["true_label"]).mean()),
        "unique_images": len(items.drop_duplicates(["shard", "index"])),
    }


def real_items(shards: Sequence[Path], origin: str = "real") -> Table | None:
    """Items of a split of real images."""
    tables, first = [], 0
    for path in shards:
        labels = read_labels(path)
        tables.append(listed(place(path), labels, origin, first=first))
        first += len(labels)
    return pd.concat(tables, ignore_index=True) if tables else None


def synthetic_items(shards: Sequence[Path]) -> Table | None:
    """Items of the generator's shards, whose origin stands in the record beside each."""
    tables = []
    for path in shards:
        facts = read_record(path.with_suffix(".json"))["facts"]
        table = listed(place(path), read_labels(path), facts["generator"], facts["recipe"])
        table["number"] = read_indices(path, facts["first"])
        tables.append(table)
    if not tables:
        return None
    # one order, however many shards there are: runs draw by the row of an item
    return pd.concat(tables).sort_values(["label", "number"], kind="stable", ignore_index=True)
