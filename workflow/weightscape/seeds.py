"""Named seeds: every random stream is a hash of what it is for.

Seeds are never added to or multiplied, so that two streams cannot meet by arithmetic.
"""

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def seed(*parts: str | int | float) -> int:
    """A seed in [0, 2**63) from the parts that name a random stream, e.g. ``seed(0, "finetune", "digits", 2)``."""
    if not parts:
        raise ValueError("seed() needs at least one part")
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def generator(*parts: str | int | float) -> "np.random.Generator":
    """A numpy generator of the stream named by the parts."""
    import numpy as np  # the workflow's plan needs seeds alone

    return np.random.default_rng(seed(*parts))
