"""Two samples of databases against each other, one statistic at a time.

A database is the unit: its parts (tables, columns, pairs) depend on each other, so labels of databases are
permuted, never those of parts. Not here: what is measured (`measures`, `signal`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

GRID = 512
"""Points at which distribution functions are compared."""

CHUNK = 5000
"""Permutations at a time."""

FEWEST = 5
"""Databases a side without which nothing is said."""


class Comparison(NamedTuple):
    """What one statistic says of two samples.

    Attributes:
        databases: databases of each that have the statistic.
        parts: their parts.
        distance: the largest difference of the two distribution functions, each database weighing the same.
        p: probability of this distance or a larger one where labels of databases mean nothing.
        null: distances under permuted labels, ascending.
    """

    databases: tuple[int, int]
    parts: tuple[int, int]
    distance: float
    p: float
    null: np.ndarray

    def rejecting(self, level: float) -> float:
        """The distance from which on p lies below a level."""
        return float(np.quantile(self.null, 1 - level, method="higher"))


def compare(
    one: Sequence[np.ndarray], other: Sequence[np.ndarray], permutations: int, generator: np.random.Generator
) -> Comparison | None:
    """Kolmogorov and Smirnov's distance of two samples of databases, tested by permuting databases.

    Args:
        one: the statistic of each database of one sample, `[parts]` f64 each; empty where it has none.
        other: the same of the other sample.
        permutations: number of permutations; the smallest p is one over one more than that.
        generator: draws them.

    Returns:
        The comparison; None where a sample has too few databases.
    """
    samples = [[values for values in sample if len(values)] for sample in (one, other)]
    sizes = (len(samples[0]), len(samples[1]))
    if min(sizes) < FEWEST:
        return None
    databases = [*samples[0], *samples[1]]
    curves = distributions(databases, grid(databases)).astype(np.float32)
    distance = float(np.abs(curves[: sizes[0]].mean(axis=0) - curves[sizes[0] :].mean(axis=0)).max())
    null = np.sort(null_distances(curves, sizes, permutations, generator))
    rounding = 1e-6
    larger = permutations - int(np.searchsorted(null, distance - rounding))
    return Comparison(
        databases=sizes,
        parts=(sum(map(len, samples[0])), sum(map(len, samples[1]))),
        distance=distance,
        p=(1 + larger) / (1 + permutations),
        null=null,
    )


def grid(databases: Sequence[np.ndarray]) -> np.ndarray:
    """Quantiles of all parts, each database weighing the same, ascending without repetition."""
    values = np.concatenate(databases)
    weights = np.concatenate([np.full(len(parts), 1 / len(parts)) for parts in databases])
    order = np.argsort(values)
    levels = np.cumsum(weights[order]) / len(databases)
    found = np.searchsorted(levels, np.linspace(0, 1, GRID + 1)[1:-1])
    return np.unique(values[order][np.minimum(found, len(values) - 1)])


def distributions(databases: Sequence[np.ndarray], points: np.ndarray) -> np.ndarray:
    """The distribution function of each database at some points, `[databases, points]`."""
    return np.array([distribution(parts, points) for parts in databases])


def distribution(parts: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The share of the parts that are at most a point, `[points]`.

    >>> distribution(np.array([3.0, 1.0]), np.array([0.0, 1.0, 2.0]))
    array([0. , 0.5, 0.5])
    """
    return np.searchsorted(np.sort(parts), points, side="right") / len(parts)


def null_distances(
    curves: np.ndarray, sizes: tuple[int, int], permutations: int, generator: np.random.Generator
) -> np.ndarray:
    """Distances of two random groups of databases, `[permutations]`."""
    found = []
    total = curves.sum(axis=0)
    for start in range(0, permutations, CHUNK):
        count = min(CHUNK, permutations - start)
        order = generator.random((count, len(curves)), dtype=np.float32).argpartition(sizes[0], axis=1)
        member = np.zeros((count, len(curves)), dtype=np.float32)
        np.put_along_axis(member, order[:, : sizes[0]], 1, axis=1)
        sums = member @ curves
        found.append(np.abs(sums / sizes[0] - (total - sums) / sizes[1]).max(axis=1))
    return np.concatenate(found)


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's corrected p of each of several tests (Holm 1979).

    >>> holm([0.01, 0.5, 0.03])
    [0.03, 0.5, 0.06]
    """
    corrected, running = [0.0] * len(ps), 0.0
    for rank, number in enumerate(np.argsort(ps, kind="stable").tolist()):
        running = max(running, min((len(ps) - rank) * ps[number], 1.0))
        corrected[number] = running
    return corrected
