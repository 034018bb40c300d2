"""Settings of the diversity measures: sizes, numbers of draws and orders."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DiversitySettings:
    """Settings of one record; the sizes are numbers of rows.

    Sets can be compared only at equal `common_rows`, `class_rows` and `reference_rows`. config.yaml has the values that
    the embedded study takes.
    """

    orders: tuple[float, ...]  # of the Vendi score; may be infinite
    common_rows: int  # at most half of the smallest set that is compared
    draws: int  # of common_rows and of class_rows, without replacement
    rarefaction_rows: tuple[int, ...]
    rarefaction_draws: int
    class_rows: int
    permutations: int  # row orders over which the published rho is shown
    clusters: int
    cluster_rows: int  # rows on which k-means is fitted and its entropy taken, at most
    reference_rows: int  # of both the set and the real rows, at most
    neighbours: int  # of precision, recall, density and coverage
    kid_block_rows: int
    assigned_rows: int  # of exact assignments (cubic in time), at most
    projections: int  # of sliced transport
