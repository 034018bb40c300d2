"""Shape of a set of rows on the unit sphere: mean cosine, spanning tree, spread over clusters.

- Mean pairwise cosine of different rows: (|sum x|^2 - n) / (n (n - 1)) for unit rows x; low is diverse.
- PLDiv: the area under the persistence landscape of connected components, that is the sum of d^2 / 4 over
  the edges d of the Euclidean minimum spanning tree; it grows with n: compare at a common number of rows.
- Cluster entropy: of the shares of rows that fall into each of k clusters (k-means; its start after Arthur &
  Vassilvitskii 2007), in nats; its exponential is the effective number of clusters. The clusters are those of
  a set that all conditions share, where there is one: a set clustered by itself always looks even.
"""

import numpy as np
from numpy.typing import NDArray

from weightscape.diversity.rows import Indices, Record, Rows, Square, draw, squared_distances, unit_blocks, unit_rows


def mean_cosine(features: Rows) -> float | None:
    """Mean cosine of two different rows, in [-1 / (n - 1), 1]; None for a single row."""
    rows, dimensions = features.shape
    if rows < 2:
        return None
    total, blank = np.zeros(dimensions), 0
    for block, blank_here in unit_blocks(features):
        blank += blank_here
        total += block.sum(axis=0)
    return float((total @ total + blank**2 - rows) / (rows * (rows - 1)))


def spanning_tree(squares: Square) -> NDArray[np.float64]:
    """Squared lengths of the n - 1 edges of the minimum spanning tree (Prim); 0 is a length as any other."""
    nearest = squares[0].copy()
    nearest[0] = np.inf
    edges = np.empty(len(squares) - 1)
    inside = np.zeros(len(squares), dtype=bool)
    inside[0] = True
    for step in range(len(edges)):
        added = int(nearest.argmin())
        edges[step] = nearest[added]
        inside[added] = True
        np.minimum(nearest, squares[added], out=nearest)
        nearest[inside] = np.inf
    return edges


def pldiv(features: Rows) -> float:
    """Sum of the squared edges of the minimum spanning tree of the directions / 4; in [0, n - 1]."""
    directions = unit_rows(features)
    return float(spanning_tree(squared_distances(directions, directions)).sum() / 4)


def sampled_pldiv(features: Rows, size: int, count: int, rng: np.random.Generator) -> Record:
    """Mean and standard deviation of PLDiv over `count` draws of `size` rows without replacement."""
    count = count if size < len(features) else 1
    values = np.array([pldiv(features[draw(rng, len(features), size)]) for _ in range(count)])
    spread = float(values.std(ddof=1)) if count > 1 else None
    return {"rows": min(size, len(features)), "draws": count, "mean": float(values.mean()), "sd": spread}


def nearest_centres(directions: Rows, centres: Rows) -> Indices:
    """The nearest centre of each unit row."""
    # |x - c|^2 = 1 - 2 (<x, c> - |c|^2 / 2)
    closeness = centres @ directions.T - np.einsum("ij,ij->i", centres, centres)[:, None] / 2
    return closeness.argmax(axis=0)


def cluster_centres(directions: Rows, clusters: int, rng: np.random.Generator) -> Rows:
    """Centres of k-means on unit rows; fewer than `clusters` where the set has fewer different rows."""
    return _lloyd(directions, _spread_centres(directions, clusters, rng))


def _spread_centres(directions: Rows, clusters: int, rng: np.random.Generator) -> Rows:
    """Rows drawn with a probability in proportion to their squared distance from those drawn before."""
    chosen = [int(rng.integers(len(directions)))]
    squares = squared_distances(directions, directions[chosen])[:, 0]
    while len(chosen) < clusters and squares.any():
        chosen.append(int(rng.choice(len(directions), p=squares / squares.sum())))
        squares = np.minimum(squares, squared_distances(directions, directions[chosen[-1:]])[:, 0])
    return directions[chosen]


def _lloyd(directions: Rows, centres: Rows, most: int = 20) -> Rows:
    """Move each centre to the mean of its rows until no row changes its centre; an empty centre stays."""
    chosen = None
    for _ in range(most):
        before, chosen = chosen, nearest_centres(directions, centres)
        if before is not None and np.array_equal(before, chosen):
            break
        member = np.equal.outer(np.arange(len(centres)), chosen).astype(np.float64)
        counts = member.sum(axis=1)[:, None]
        centres = np.where(counts > 0, member @ directions / np.maximum(counts, 1), centres)
    return centres


def cluster_entropy(directions: Rows, centres: Rows) -> float:
    """Entropy, in nats, of the shares of rows nearest to each centre; in [0, log k]."""
    counts = np.bincount(nearest_centres(directions, centres))
    shares = counts[counts > 0] / len(directions)
    return float(-np.sum(shares * np.log(shares))) + 0.0  # never -0
