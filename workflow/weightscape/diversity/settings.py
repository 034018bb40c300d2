"""What the diversity measures choose: sizes, numbers of draws and orders."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from weightscape.diversity.vendi import ORDERS
from weightscape.errors import UserError


@dataclass(frozen=True)
class DiversitySettings:
    """Settings of one record; the sizes are numbers of rows.

    Sets can be compared only at equal `common_rows`, `class_rows` and `reference_rows`.
    """

    orders: tuple[float, ...] = ORDERS  # of the Vendi score
    common_rows: int = 500  # at most half of the smallest set that is compared
    draws: int = 5  # of common_rows and of class_rows, without replacement
    rarefaction_rows: tuple[int, ...] = (50, 125, 250, 500, 1000, 2000)
    rarefaction_draws: int = 3
    class_rows: int = 50
    permutations: int = 20  # row orders over which the published rho is shown
    clusters: int = 20
    cluster_rows: int = 1000  # rows on which k-means is fitted and its entropy taken, at most
    reference_rows: int = 1000  # of both the set and the real rows, at most
    neighbours: int = 5  # of precision, recall, density and coverage
    kid_block_rows: int = 100
    assigned_rows: int = 300  # of exact assignments (cubic in time), at most
    projections: int = 128  # of sliced transport

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            values = getattr(self, name)
            for value in values if isinstance(values, tuple) else (values,):
                if isinstance(value, bool) or not isinstance(value, int) or value < least:
                    raise UserError(f"diversity {name} must be a whole number of at least {least}, got {value!r}")
        if not self.orders or not all(order >= 0 for order in self.orders):
            raise UserError(f"diversity orders must be one or more numbers of at least 0, got {list(self.orders)}")

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> "DiversitySettings":
        """Settings from a config block; what it leaves out keeps its default; an order may be "inf"."""
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(mapping) - set(known))
        if unknown:
            raise UserError(f"diversity has no setting {unknown[0]!r}: choose from {', '.join(known)}")
        values = dict(mapping)
        if "orders" in values:
            values["orders"] = _orders(values["orders"])
        if "rarefaction_rows" in values:
            values["rarefaction_rows"] = _sequence("rarefaction_rows", values["rarefaction_rows"])
        return cls(**values)


_LEAST = {
    "common_rows": 2,
    "draws": 1,
    "rarefaction_rows": 1,
    "rarefaction_draws": 1,
    "class_rows": 1,
    "permutations": 0,
    "clusters": 1,
    "cluster_rows": 1,
    "reference_rows": 2,
    "neighbours": 1,
    "kid_block_rows": 2,
    "assigned_rows": 1,
    "projections": 1,
}


def _sequence(name: str, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise UserError(f"diversity {name} must be a list, got {value!r}")
    return tuple(value)


def _orders(value: Any) -> tuple[float, ...]:
    try:
        return tuple(float(order) for order in _sequence("orders", value))
    except (TypeError, ValueError):
        raise UserError(f'diversity orders must be numbers or "inf", got {value!r}') from None
