"""Diversity of a set of images or embeddings: `ws.vendi` and `ws.diversity`."""

import math
import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from weightscape.errors import UserError
from weightscape.library.arguments import whole_number
from weightscape.library.pictures import ImageSet, Loaded, whole

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from weightscape.diversity.own_images import Embed
    from weightscape.diversity.rows import Record
    from weightscape.diversity.settings import DiversitySettings

Kernel = Callable[[Any, Any], float] | Literal["precomputed"]
FEWEST = 4
"""Rows of a set of `diversity`: the score is taken of half of them at a time."""


@overload
def vendi(x: ImageSet, q: float = 1.0, kernel: Kernel | None = None) -> float: ...
@overload
def vendi(x: ImageSet, q: Sequence[float], kernel: Kernel | None = None) -> dict[float, float]: ...
def vendi(x: ImageSet, q: float | Sequence[float] = 1.0, kernel: Kernel | None = None) -> float | dict[float, float]:
    """Computes the Vendi score: the effective number of different rows, from 1 to n (Friedman & Dieng 2023, eq. 1).

    x       embeddings [n, d]; or images as an array, list of pictures or paths, folder or file, compared by
            their pixels (larger ones at 32 px); or with `kernel` a list of anything
    q       order of the score, 0 to infinity (Pasarkar & Dieng 2024), or several
    kernel  similarity of two items, 1 for an item with itself; or "precomputed", where x is their matrix [n, n]. By
            default the cosine of rows

    Gives the score, a number of rows, or a dict of scores by order for several. Scores grow with n: compare sets of
    equal size, as `diversity` does.

    Raises `UserError` for anything but a set, for an order below 0, and if the kernel is no similarity.

    >>> import numpy as np
    >>> import weightscape as ws
    >>> round(ws.vendi(np.eye(5)), 6)
    5.0
    >>> {order: round(score, 3) for order, score in ws.vendi(np.eye(3)[[0, 0, 1]], q=[1, 2]).items()}
    {1: 1.89, 2: 1.8}
    >>> round(ws.vendi(["aa", "ab"], kernel=lambda one, other: float(one == other)), 6)
    2.0
    """
    from weightscape.diversity import vendi as scores
    from weightscape.diversity.own_images import blank

    several = isinstance(q, Iterable) and not isinstance(q, str)
    orders: list[float] = list(q) if several else [q]  # pyright: ignore[reportArgumentType, reportAssignmentType]
    wrong = [order for order in orders if not isinstance(order, Real) or not order >= 0]
    if wrong:
        raise UserError(f"q = {wrong[0]!r} is no order: give a number from 0 to infinity")
    if kernel is None:
        rows = rows_of(whole(x, "x"))
        for note in blank(rows):
            warnings.warn(note, stacklevel=2)
        values = scores.spectrum(rows)
    else:
        values = scores.kernel_spectrum(_matrix(x, kernel))
    found: dict[float, float] = {order: scores.score(values, order) for order in orders}
    return found[q] if isinstance(q, Real) else found  # pyright: ignore[reportArgumentType]


def _matrix(x: Any, kernel: Kernel) -> "np.ndarray":
    """The similarities [n, n] of all pairs."""
    if not callable(kernel):
        if not isinstance(kernel, str) or kernel != "precomputed":
            raise UserError(f"kernel = {kernel!r:.50} is unknown: give a function of two items, or 'precomputed'")
        matrix = np.asarray(whole(x, "x").rows, np.float64)
    else:
        if isinstance(x, str | os.PathLike) or not isinstance(x, Iterable):
            raise UserError(f"x = {x!r} is no list of items for the kernel: give a list, or leave the kernel out")
        items = list(x)
        values = [[kernel(one, other) for other in items] for one in items]
        try:
            matrix = np.array(values, np.float64)
        except (TypeError, ValueError):
            raise UserError(f"the kernel gives {values[0][0]!r}: it must give one number for two items") from None
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not len(matrix):
        raise UserError(f"the kernel matrix has the shape {list(matrix.shape)}: it must be [n, n]")
    if not np.isfinite(matrix).all() or not np.allclose(matrix, matrix.T, atol=1e-6):
        raise UserError("the kernel matrix is not symmetric and finite: a similarity must not depend on the order")
    if not np.allclose(np.diagonal(matrix), 1, atol=1e-6):
        raise UserError("the kernel matrix has no ones on its diagonal: an item must be 1 like itself")
    values = np.linalg.eigvalsh(matrix)
    if values[0] < -1e-6 * len(matrix):
        raise UserError(f"the kernel matrix has the eigenvalue {values[0]:.3g}: a kernel has none below 0")
    return matrix


def rows_of(given: Loaded, embed: "Embed | None" = None) -> np.ndarray:
    """Rows of an embedding, or of images what `embed` makes of them: by default pixels in [0, 1], at 32 px at most."""
    if given.rows is not None:
        return given.rows
    from weightscape.diversity.own_images import pixel_rows

    assert given.images is not None
    return (embed or pixel_rows)(given.images)


def diversity(
    x: ImageSet,
    against: ImageSet | None = None,
    *,
    labels: "ArrayLike | None" = None,
    backbone: str | None = None,
    rows: int | None = None,
    seed: int = 0,
) -> "Record":
    """Measures how diverse a set of images or embeddings is, alone or against real ones.

    x         embeddings [n, d] or images, as `vendi` takes them; at least four
    against   real held-out images or embeddings: adds coverage, precision, recall, KID and distances (`reference`)
    labels    class of each row, whole numbers [n]: adds scores by class
    backbone  a network of timm, in whose embedding images are measured, with its own weights
    rows      number of rows at which scores are taken, 2 to half of the set (default: 500); compare records only at
              equal settings
    seed      whole number from 0, of the draws

    Gives a nested dict of plain numbers, ready for JSON: `vendi` (whole, at the common number of rows, of noise, of
    random directions, by size), `geometry` (mean cosine, spanning tree, clusters) and `reference`; a value that is not
    defined is None. Scores are numbers of rows, from 1 to their count. Definitions and sources:
    workflow/report/methods.md.

    Raises `UserError` for sets of fewer than four rows, two of unlike form, labels that are no whole numbers, and a
    backbone that timm lacks.

    >>> import numpy as np
    >>> import weightscape as ws
    >>> record = ws.diversity(np.random.default_rng(0).standard_normal((40, 8)))
    >>> record["vendi"]["common"]["rows"], record["reference"]
    (20, None)
    """
    sets = {"x": whole(x, "x")} | ({} if against is None else {"against": whole(against, "against")})
    check_alike(sets, {name: name for name in sets})
    embed = None if backbone is None else embedder(sets["x"], "x", f"backbone = {backbone!r}", (backbone, "hub"))
    known = None if labels is None else checked_labels(labels, len(sets["x"]), "labels are")
    record, notes = measured(sets, embed, known, measure_settings(rows), whole_number(seed, "seed", 0))
    for name, note in notes:
        warnings.warn(f"{name}: {note}", stacklevel=2)
    return record


def check_alike(sets: Mapping[str, Loaded], names: Mapping[str, object]) -> None:
    """Refuse a set of too few rows, and sets of other kinds or sizes than the first; `names` are those for people."""
    first, given = next(iter(sets.items()))
    for name, each in sets.items():
        if len(each) < FEWEST:
            raise UserError(
                f"{names[name]} holds {len(each)} {each.kind}: at least {FEWEST} are needed, as the Vendi score is "
                "taken of half of them at a time; add some"
            )
        if (each.kind, each.form) != (given.kind, given.form):
            raise UserError(
                f"{names[name]} holds {each.kind} of {list(each.form)}, but {names[first]} {given.kind} of "
                f"{list(given.form)}: bring both to one form and size"
            )


def embedder(given: Loaded, name: str, option: str, network: tuple[str, str]) -> "Embed":
    """The rows of images as a network (timm's name, weights) sees them; `name` and `option` are for people."""
    if given.images is None:
        raise UserError(f"{name} holds embeddings already: leave out {option}, or give images")
    if not isinstance(network[0], str):
        raise UserError(f"{option}: give the name of a network of timm")
    from weightscape.diversity import own_images

    return own_images.embedder(*network)


def measured(
    sets: Mapping[str, Loaded],
    embed: "Embed | None",
    labels: "np.ndarray | None",
    settings: "DiversitySettings",
    seed: int,
    appended_from: int | None = None,
) -> "tuple[Record, list[tuple[str, str]]]":
    """The record of the first set, beside `against` and `baseline` if they are there; notes on blank rows, by set."""
    from weightscape.diversity.measure import Comparisons, measure
    from weightscape.diversity.own_images import blank
    from weightscape.seeds import generator

    rng = generator("weightscape diversity", seed)
    first, given = next(iter(sets.items()))
    noise = None
    if given.images is not None:
        noise = _noise(rng, (min(settings.common_rows, len(given)), *given.form), embed)
    rows = {name: rows_of(each, embed) for name, each in sets.items()}
    notes = [(name, note) for name, each in rows.items() for note in blank(each)]
    others = Comparisons(rows.get("against"), rows.get("baseline"), noise)
    return measure(rows[first], labels, others, settings, rng, appended_from), notes


def _noise(rng: np.random.Generator, shape: tuple[int, ...], embed: "Embed | None") -> np.ndarray:
    """Rows of images of uniform noise."""
    from weightscape.diversity.own_images import pixel_rows
    from weightscape.diversity.vendi import uniform_noise

    images = (uniform_noise(rng, 1, math.prod(shape[1:])).reshape(1, *shape[1:]) for _ in range(shape[0]))
    if embed:
        return embed(np.concatenate([(255 * image).round().astype(np.uint8) for image in images]))
    return np.concatenate([pixel_rows(image, 1) for image in images])


def measure_settings(rows: int | None, name: str = "rows") -> "DiversitySettings":
    """The settings of config.yaml, with another common number of rows if one is given; `name` is for messages."""
    import dataclasses

    from weightscape.diversity.settings import DiversitySettings
    from weightscape.formats.json_yaml import read_yaml
    from weightscape.formats.typed import from_json
    from weightscape.project import DEFAULT_CONFIG

    block = {key: value for key, value in read_yaml(DEFAULT_CONFIG)["diversity"].items() if key != "embeddings"}
    settings = from_json(DiversitySettings, block, "diversity")
    return settings if rows is None else dataclasses.replace(settings, common_rows=whole_number(rows, name, 2))


def checked_labels(labels: "ArrayLike", count: int, told: str) -> np.ndarray:
    given = labels.detach().cpu() if hasattr(labels, "detach") else labels  # pyright: ignore
    try:
        found = np.asarray(given)
    except ValueError:  # rows of several lengths
        found = np.asarray(given, object)
    if found.dtype.kind not in "iu" or found.shape != (count,):
        raise UserError(
            f"{told} {found.dtype} {list(found.shape)}: they must be whole numbers [{count}], one per row; mend "
            "them or leave them out"
        )
    return found
