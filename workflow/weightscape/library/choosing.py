"""Chooses from a set of images or embeddings by the diversity that they add: `ws.choose`."""

import warnings
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING

from weightscape.errors import UserError
from weightscape.library.arguments import whole_number
from weightscape.library.pictures import ImageSet, Loaded, loaded, whole

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from weightscape.diversity.choice import Choice, Pool

PIXELS = "pixels"


def choose(
    x: ImageSet,
    budget: int,
    given: ImageSet | None = None,
    *,
    by: str = PIXELS,
    method: str = "log_det",
    seed: int = 0,
) -> "pd.DataFrame":
    """Chooses the rows of x that add most diversity to those given, one after the other.

    x       candidates: embeddings [n, d] or images, as `vendi` takes them
    budget  number of rows to choose, 1 to n
    given   rows or images that are there already, of the same kind
    by      `pixels` (the default; embeddings as they are), or a network of timm, in whose embedding images are compared
    method  log_det, vendi, k_centre, facility_location, least_diverse or random; their sources: workflow/docs/choose.md
    seed    whole number from 0, of `random`; the other methods use no chance

    Gives a table in the order of choice: `order` from 1, `index` of the row in x, `path` where x are files, and `gain`,
    what the row added to those before it, in the method's own unit (NaN for random).

    Raises `UserError` for a budget, method or seed that cannot be, and where both sets cannot be compared.

    >>> import numpy as np
    >>> import weightscape as ws
    >>> ws.choose(np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]]), 1, given=np.array([[1.0, 0.0]]))["index"].tolist()
    [2]
    """
    from weightscape.diversity.own_images import blank

    pair = rows_of(whole(x, "candidates"), None if given is None else whole(given, "given"), by)
    for name, rows in (("candidates", pair.pool.candidates), ("given", pair.pool.given)):
        for note in blank(rows):
            warnings.warn(f"{name}: {note}", stacklevel=2)
    return listed(chosen(pair.pool, budget, method, seed), pair.candidates)


@dataclass(frozen=True)
class Pair:
    """The candidates and those given as they were read, and the rows in which they are compared."""

    candidates: Loaded
    given: Loaded | None
    pool: "Pool"


def rows_of(x: ImageSet, given: ImageSet | None, by: str, weights: str = "hub") -> Pair:
    """Reads candidates and given rows, and brings both into one space; `weights` are those of a network."""
    from weightscape.diversity.choice import Pool
    from weightscape.diversity.own_images import embedder, pixel_form
    from weightscape.library import image_sets

    if not isinstance(by, str):
        raise UserError(f"by = {by!r}: give {PIXELS!r} or the name of a network of timm")
    sets = [loaded(each, name) for name, each in (("candidates", x), ("given", given)) if each is not None]
    kinds = [each.kind for each in sets]
    if by != PIXELS and "embeddings" in kinds:
        raise UserError(f"by = {by!r} embeds images, but these are embeddings already: leave it out")
    embed = None if by == PIXELS else embedder(by, weights)
    forms = {each.form if each.images is None else pixel_form(each.form) for each in sets}
    if embed is None and len(forms) > 1:
        raise UserError(
            f"the candidates are {kinds[0]} of {list(sets[0].form)} and the given ones {kinds[1]} of "
            f"{list(sets[1].form)}: bring both to one kind, size and number of channels{_or_by(kinds)}"
        )
    rows = [image_sets.rows_of(each, embed) for each in sets]
    return Pair(sets[0], sets[1] if len(sets) == 2 else None, Pool(*rows))


def _or_by(kinds: list[str]) -> str:
    """A network brings all images to its own size."""
    return ", or compare images of any size by a network (`by`)" if set(kinds) == {"images"} else ""


def chosen(pool: "Pool", budget: int, method: str, seed: int) -> "Choice":
    """The choice; a `UserError` names a method or a budget that is not there."""
    from weightscape.diversity import choice
    from weightscape.seeds import generator

    if method not in choice.METHODS:
        raise UserError(f"method = {method!r} is unknown: choose from {', '.join(choice.METHODS)}")
    if not isinstance(budget, Integral) or isinstance(budget, bool) or not 1 <= budget <= len(pool.candidates):
        raise UserError(
            f"budget = {budget!r}, but there are {len(pool.candidates)} candidates: give a whole number from 1 to that"
        )
    return choice.choose(method, pool, int(budget), generator("weightscape choose", whole_number(seed, "seed", 0)))


def listed(found: "Choice", candidates: Loaded) -> "pd.DataFrame":
    """The table of a choice."""
    import numpy as np
    import pandas as pd

    columns: dict[str, object] = {"order": np.arange(1, len(found.rows) + 1), "index": found.rows}
    if candidates.paths:
        columns["path"] = [candidates.paths[row] for row in found.rows]
    return pd.DataFrame({**columns, "gain": found.gains})


def curve(pool: "Pool", rows: "np.ndarray", points: int = 8) -> "pd.DataFrame":
    """The Vendi score of order 1 of what is there with the first chosen rows, at budgets up to all of them.

    Budget 0 is what is there already, where anything is.
    """
    import numpy as np
    import pandas as pd

    from weightscape.diversity import vendi

    there = [] if pool.given is None else [pool.given]
    budgets = np.unique([*([0] if there else []), *np.geomspace(1, len(rows), points).round().astype(int)])
    scores = [vendi.scores(np.concatenate([*there, pool.candidates[rows[:budget]]]), [1.0])["1"] for budget in budgets]
    return pd.DataFrame({"budget": budgets, "vendi": scores})
