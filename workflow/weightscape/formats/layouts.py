"""How a network reads those of its weights whose shape does not tell: fused attention, and grouped convolutions."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Piece:
    """One of the matrices in a fused weight by its name (`q`, `k` or `v`), with its length in each repetition."""

    name: str
    length: int


@dataclass(frozen=True)
class Layout:
    """The pieces of a fused weight in their order along `axis`, which stand there `repeats` times in turn.

    Blocked weights [q; k; v] have one repetition, weights by head first one for each head (of keys, where several heads
    of queries share one).
    """

    axis: int
    repeats: int
    pieces: tuple[Piece, ...]

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether a tensor of this shape has just these pieces."""
        length = self.repeats * sum(piece.length for piece in self.pieces)
        return len(shape) > self.axis and shape[self.axis] == length


def blocked(names: str, *lengths: int, axis: int = 0) -> Layout:
    """One piece after the other, a letter of `names` each."""
    return Layout(axis, 1, tuple(map(Piece, names, lengths)))


def by_head(heads: int, names: str, *lengths: int) -> Layout:
    """The pieces of the first head, then those of the second, and so on; `lengths` are those of one head."""
    return Layout(0, heads, tuple(map(Piece, names, lengths)))


@dataclass(frozen=True)
class Structure:
    """All that is known of a network: layouts of fused weights and groups of convolutions, by key of the state dict.

    Weights of `remade` are standardised whenever they are used; those of `others` are of three axes or more and belong
    to no convolution.
    """

    layouts: Mapping[str, Layout] = field(default_factory=dict)
    groups: Mapping[str, int] = field(default_factory=dict)
    remade: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
