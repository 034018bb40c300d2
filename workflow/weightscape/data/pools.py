"""A pool: the labelled images of one part of a data set, not yet read.

Every source (`sources`) opens its parts (`train`, `test`, a domain) as pools; what comes after (choice of classes,
splits, reading, shards) is the same for all. A pool gives its images in one of three ways: as encoded files
(`encoded`), as arrays that are already decoded (`pixels`), or one by one as PIL pictures (`picture`).
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from weightscape.data.splits import ALL, split_rows
from weightscape.errors import UserError


class Counted(NamedTuple):
    """The counts of a data set before a pixel is read: images per split, its classes, images of each to train on."""

    splits: Mapping[str, int]
    classes: Sequence[str]
    train: Sequence[int]


Encoded = bytes | str  # a whole image file, or the path of one


@dataclass(frozen=True)
class Pool:
    """Labels int64 [n] into `classes`, what an image is called in messages, and one way to its pixels."""

    labels: np.ndarray
    classes: list[str]
    name: Callable[[int], str]
    encoded: Callable[[np.ndarray], Sequence[Encoded]] | None = None
    pixels: Callable[[np.ndarray], np.ndarray] | None = None  # uint8 [n, h, w] or [n, h, w, channels]
    picture: Callable[[int], Any] | None = None  # a PIL image
    whole: int = 0  # images of the set that the pool is drawn from; 0 means the pool itself
    left_out: Mapping[str, Sequence[str]] = field(default_factory=dict)  # names of files that are not read, by reason

    def __post_init__(self) -> None:
        without = np.flatnonzero((self.labels < 0) | (self.labels >= len(self.classes)))
        if len(without):
            raise UserError(
                f"{self.name(int(without[0]))} has the label {self.labels[without[0]]}, which is none of the "
                f"{len(self.classes)} classes ({len(without)} of {len(self.labels)} images): use a part with labels"
            )

    def take(self, rows: np.ndarray) -> "Pool":
        """The pool of some rows."""
        name, encoded, pixels, picture = self.name, self.encoded, self.pixels, self.picture
        return replace(
            self,
            labels=self.labels[rows],
            name=lambda row: name(int(rows[row])),
            encoded=encoded and (lambda chosen: encoded(rows[chosen])),
            pixels=pixels and (lambda chosen: pixels(rows[chosen])),
            picture=picture and (lambda row: picture(int(rows[row]))),
        )


def unread(left_out: Mapping[str, Sequence[str]]) -> list[str]:
    """Sentences on files that are not read: the reason, the first of them, and how many more there are."""
    more = {reason: f" and {len(names) - 1} more" if len(names) > 1 else "" for reason, names in left_out.items()}
    return [f"{reason}: {names[0]}{more[reason]}" for reason, names in left_out.items()]


def of_classes(pool: Pool, wanted: str | int | Sequence[str]) -> Pool:
    """The images of `all` classes, of the first so many in order of name, or of those named, labelled in that order."""
    if wanted == ALL:
        return pool
    if isinstance(wanted, int):
        if wanted > len(pool.classes):
            raise UserError(f"classes = {wanted}, but the data set has {len(pool.classes)}: lower it or write all")
        names = sorted(pool.classes)[:wanted]
    else:
        names = list(wanted)
    unknown = [name for name in names if name not in pool.classes]
    if unknown:
        known = ", ".join(pool.classes[:10]) + (", ..." if len(pool.classes) > 10 else "")
        raise UserError(f"class {unknown[0]!r} is not in the data set; it has {known}: correct `classes`")
    new = np.full(len(pool.classes), -1, np.int64)
    new[[pool.classes.index(name) for name in names]] = np.arange(len(names))
    kept = pool.take(np.flatnonzero(new[pool.labels] >= 0))
    return replace(kept, labels=new[kept.labels], classes=names)


def present(pool: Pool) -> Pool:
    """The pool without the classes of which it has no image: a list of names may hold those of other parts."""
    there = np.unique(pool.labels)
    return pool if len(there) == len(pool.classes) else of_classes(pool, [pool.classes[label] for label in there])


def capped(pool: Pool, per_class: str | int, rng: np.random.Generator) -> Pool:
    """At most `per_class` images of each class, drawn at random; `all` keeps every image."""
    if per_class == ALL:
        return pool
    rows = [rng.permutation(np.flatnonzero(pool.labels == label))[:per_class] for label in np.unique(pool.labels)]
    return pool.take(np.sort(np.concatenate(rows)))


def counted(wanted: Mapping[str, int | str], available: int) -> dict[str, int]:
    """Images per split; `all` means what the other splits leave (in equal parts, if several say so)."""
    fixed = sum(count for count in wanted.values() if isinstance(count, int))
    rest = [name for name, count in wanted.items() if count == ALL]
    if fixed + len(rest) > available:
        raise UserError(
            f"the splits ask for {fixed} images and more ({wanted}), but the data set has {available}: lower the counts"
        )
    bounds = np.linspace(0, available - fixed, len(rest) + 1).round().astype(int)
    shares = dict(zip(rest, np.diff(bounds).tolist(), strict=True))
    return {name: shares.get(name, count) for name, count in wanted.items()}  # pyright: ignore[reportReturnType]


def split(parts: Mapping[str, Pool], wanted: Mapping[str, int | str], name: str, rng: np.random.Generator) -> Pool:
    """The split `name`, disjoint from the others and stratified by class.

    Where the source has a part `test` or `val`, that split is drawn from it, and all others from the part `train`.
    """
    whole = sum(len(part.labels) for part in parts.values())
    if name in parts and name != "train":
        pool, wanted = parts[name], {name: wanted[name]}
    else:
        pool = parts["train"]
        wanted = {key: count for key, count in wanted.items() if key == "train" or key not in parts}
    rows = split_rows(pool.labels, counted(wanted, len(pool.labels)), rng)
    if "train" in rows:
        rows = _with_every_class(pool.labels, rows)
        _check_every_class(pool, rows["train"])
    return replace(pool.take(rows[name]), whole=whole)


def _with_every_class(labels: np.ndarray, rows: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The rows of splits, where a class that the training split lacks has changed places with one that it has twice."""
    changed = {name: of_split.copy() for name, of_split in rows.items()}
    train = changed["train"]
    for label in np.setdiff1d(labels, labels[train]):
        counts = np.bincount(labels[train], minlength=int(labels.max()) + 1)
        places = np.flatnonzero(counts[labels[train]] == counts.max(initial=0)) if counts.max(initial=0) > 1 else []
        holders = [name for name in changed if name != "train" and (labels[changed[name]] == label).any()]
        if len(places) and holders:
            other = changed[holders[0]]
            place = int(np.flatnonzero(labels[other] == label)[0])
            other[place], train[places[0]] = train[places[0]], other[place]
    return changed


def _check_every_class(pool: Pool, train: np.ndarray) -> None:
    lost = np.setdiff1d(pool.labels, pool.labels[train])
    if len(lost):
        some = ", ".join(pool.classes[label] for label in lost[:5]) + (", ..." if len(lost) > 5 else "")
        raise UserError(
            f"the splits leave no image to train on of {len(lost)} of {len(pool.classes)} classes ({some}): lower "
            "val, test or extra, raise per_class, or choose other classes"
        )


def drawn(pool: Pool, images: str | int, rng: np.random.Generator) -> Pool:
    """`images` of a pool (or all), stratified by class, in the order of the source."""
    there = len(pool.labels)
    count = there if images == ALL else int(images)
    if count > there:
        raise UserError(f"{count} images are asked for, but there are {there}: lower `images`, or write all")
    return replace(pool.take(np.sort(split_rows(pool.labels, {"drawn": count}, rng)["drawn"])), whole=there)


def relabelled(pool: Pool, classes: list[str]) -> Pool:
    """A pool of another source under the labels of `classes`; images of other classes are left out."""
    missing = [name for name in pool.classes if name not in classes]
    check_spelling(missing, classes, "the set")
    if len(missing) == len(pool.classes):
        raise UserError(f"no class of the set ({', '.join(missing[:5])}, ...) is one of the training set's: check it")
    if missing:
        print(f"left out: {len(missing)} classes that the training set does not have ({', '.join(missing[:20])})")
    kept = aligned(pool, classes, every=False)
    lost = np.flatnonzero(np.isin(pool.labels, [pool.classes.index(name) for name in missing]))
    names = [pool.name(int(row)) for row in lost]
    return replace(kept, left_out={**kept.left_out, "another class": names}) if names else kept


def check_spelling(names: Iterable[str], classes: Iterable[str], where: str) -> None:
    """Refuse a name that is that of a class but for capitals, blanks, dashes and underscores."""
    known = {re.sub(r"[\s_-]", "", name).casefold(): name for name in classes}
    for name in names:
        same = known.get(re.sub(r"[\s_-]", "", name).casefold(), name)
        if same != name:
            raise UserError(f"{where} has the class {name!r}, but the training set {same!r}: write both in one way")


def check_apart(classes: Iterable[str]) -> None:
    """Refuse classes whose names are one but for capitals, accents written in two ways, blanks, dashes, underscores.

    Letters are classes of their own, as a and A.
    """
    known: dict[str, str] = {}
    for name in classes:
        plain = re.sub(r"[\s_-]+", " ", unicodedata.normalize("NFC", name)).casefold()
        other = known.setdefault(plain, name)
        if other != name and len(plain) > 1:
            raise UserError(
                f"the data set has the classes {other!r} and {name!r}: put both into one, or name the `classes` if "
                "they are two"
            )


def aligned(pool: Pool, classes: list[str], every: bool) -> Pool:
    """A pool under the labels of `classes`, by name; images of others are left out, or with `every` a `UserError`."""
    if pool.classes == classes:
        return pool
    new = np.array([classes.index(name) if name in classes else -1 for name in pool.classes], np.int64)
    shared = new[pool.labels] >= 0
    if every and not shared.all():
        row = int(np.flatnonzero(~shared)[0])
        raise UserError(
            f"{pool.name(row)} is of the class {pool.classes[pool.labels[row]]!r}, which the training set does not "
            "have: mend its label, or name the `classes`"
        )
    kept = pool.take(np.flatnonzero(shared))
    return replace(kept, labels=new[kept.labels], classes=list(classes))


def joined(pools: list[Pool]) -> Pool:
    """Pools of encoded images one after the other."""
    if len(pools) == 1:
        return pools[0]
    pool_of = np.repeat(np.arange(len(pools)), [len(pool.labels) for pool in pools])
    row_of = np.concatenate([np.arange(len(pool.labels)) for pool in pools])

    def encoded(rows: np.ndarray) -> list[Encoded]:
        opened = ((pools[pool_of[row]].encoded, row_of[[row]]) for row in rows)
        return [image for read, place in opened if read for image in read(place)]

    labels = np.concatenate([pool.labels for pool in pools])
    return Pool(labels, pools[0].classes, lambda row: pools[pool_of[row]].name(int(row_of[row])), encoded=encoded)
