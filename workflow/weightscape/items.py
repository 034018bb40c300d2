"""What a network is trained on, as a list of items: (shard, index, label, origin), never pixels.

`shard` is a path below the results folder; `origin` is `real`, `extra` (further real images) or the generator's name;
`number` is the image's index within its origin: the row of the real training set or of the split `extra`, or the index
among the generator's images of this class and recipe. `true_label` is the label that the image was made or stored
with.
"""

from typing import Any

import numpy as np
import pandas as pd

from weightscape.errors import UserError
from weightscape.frames import Table

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


def assemble(
    real: Table,
    pool: Table | None,
    family: str,
    values: dict[str, Any],
    rng: np.random.Generator,
) -> Table:
    """The item list of a condition; without `values` (a baseline) the real list itself.

    `pool` holds the images that are added or put in place of real ones: the generator's, or further real ones.
    """
    if not values:
        return real
    if family == "label_noise":
        return mislabelled(real, values["share"], rng)
    if family == "duplicate":
        return duplicated(real, values["share"], rng)
    if pool is None:
        raise UserError(
            f"family {family!r} needs images to draw from, but none were given: pass --synthetic or --extra"
        )
    extra = drawn(pool, round(values["share"] * len(real)), rng)
    if family in ("synthetic_add", "real_add"):
        return pd.concat([real, extra], ignore_index=True)
    return pd.concat([drawn(real, len(real) - len(extra), rng), extra], ignore_index=True)


def duplicated(real: Table, share: float, rng: np.random.Generator) -> Table:
    """As many items, but a share of them copies: fewer different images, every class in equal share."""
    kept = drawn(real, len(real) - round(share * len(real)), rng)
    copies = np.resize(rng.permutation(len(kept)), len(real) - len(kept))
    return pd.concat([kept, kept.iloc[copies]], ignore_index=True)


def drawn(pool: Table, count: int, rng: np.random.Generator) -> Table:
    """`count` items of the pool, every class in equal share (up to one item), without replacement."""
    if count > len(pool):
        origin = f" of origin {pool['origin'].iloc[0]!r}" if len(pool) else ""
        raise UserError(
            f"{count} images{origin} are needed, but there are {len(pool)}: "
            "raise images_per_class of this recipe, data.splits.extra, or lower the share, or loosen generate.gate"
        )
    position = np.empty(len(pool))
    for label in np.unique(pool["label"]):
        rows = rng.permutation(np.flatnonzero(pool["label"] == label))
        position[rows] = np.arange(len(rows)) + rng.random(len(rows))
    return pool.iloc[np.sort(np.argsort(position)[:count])]


def mislabelled(real: Table, share: float, rng: np.random.Generator) -> Table:
    """A share of the labels replaced by another class, uniformly."""
    changed = real.copy()
    classes = np.unique(real["label"])
    rows = rng.permutation(len(real))[: round(share * len(real))]
    old = np.searchsorted(classes, real["label"].to_numpy()[rows])
    new = (old + rng.integers(1, len(classes), len(rows))) % len(classes)
    changed.iloc[rows, changed.columns.get_loc("label")] = classes[new]
    return changed


def summary(items: Table) -> dict[str, Any]:
    """Counts that prove what a list holds."""
    return {
        "items": len(items),
        "synthetic_share": float((~items["origin"].isin(["real", "extra"])).mean()),
        "extra_share": float((items["origin"] == "extra").mean()),
        "changed_labels": float((items["label"] != items["true_label"]).mean()),
        "unique_images": len(items.drop_duplicates(["shard", "index"])),
    }
