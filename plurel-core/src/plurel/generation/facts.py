"""Facts of whole columns, folded from blocks in block order.

Exact up to a million cells; beyond that ranks come from a sketch of fixed size. Not here: what the facts are
for (transforms).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import field, frozen

from plurel.plugins.requests import ColumnFacts

if TYPE_CHECKING:
    from numpy.typing import NDArray

EXACT_CELLS = 1_000_000
"""Most cells whose sorted values are kept exactly."""

SKETCH_CELLS = 500_000
"""Size of the sketch that stands for more of them."""


@frozen(kw_only=True, eq=False)
class ColumnSummary:
    """What a run of blocks tells of a column: moments, bounds and sorted values, of its finite cells.

    Attributes:
        count: number of cells.
        mean: their mean.
        squares: sum of squared distances to the mean.
        minimum: the smallest, +inf without cells.
        maximum: the largest, -inf without cells.
        values: sorted values, `[n] f64`; empty where they were not asked for.
        weights: how many cells each of them stands for, `[n] f64`.
    """

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    minimum: float = np.inf
    maximum: float = -np.inf
    values: NDArray[np.float64] = field(factory=lambda: np.empty(0))
    weights: NDArray[np.float64] = field(factory=lambda: np.empty(0))

    @classmethod
    def of(cls, cells: NDArray[np.float64], *, ordered: bool) -> ColumnSummary:
        """The summary of one block.

        Args:
            cells: `[rows] f64`; those that are not finite do not count.
            ordered: whether sorted values are wanted.
        """
        cells = cells[np.isfinite(cells)]
        if not len(cells):
            return cls()
        mean = float(cells.mean())
        values = np.sort(cells) if ordered else np.empty(0)
        return cls(
            count=len(cells),
            mean=mean,
            squares=float(((cells - mean) ** 2).sum()),
            minimum=float(cells.min()),
            maximum=float(cells.max()),
            values=values,
            weights=np.ones(len(values)),
        )

    def merge(self, later: ColumnSummary) -> ColumnSummary:
        """The summary of these blocks and the `later` ones.

        Source of the moments: Chan, Golub and LeVeque (1979), equation 1.5.
        """
        count = self.count + later.count
        if not count:
            return self
        step = later.mean - self.mean
        values, weights = _merge_sorted(self, later)
        return ColumnSummary(
            count=count,
            mean=self.mean + step * later.count / count,
            squares=self.squares + later.squares + step**2 * self.count * later.count / count,
            minimum=min(self.minimum, later.minimum),
            maximum=max(self.maximum, later.maximum),
            values=values,
            weights=weights,
        )

    def facts(self) -> ColumnFacts:
        """The facts that transforms are fitted to; all zeros where the column has no finite cell."""
        empty = not self.count
        exact = empty or len(self.values) in (0, self.count)
        return ColumnFacts(
            count=self.count,
            mean=self.mean,
            std=0.0 if empty else float(np.sqrt(self.squares / self.count)),
            minimum=0.0 if empty else self.minimum,
            maximum=0.0 if empty else self.maximum,
            sorted_values=self.values if exact else _quantiles(self.values, self.weights),
        )


def _merge_sorted(
    left: ColumnSummary, right: ColumnSummary
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    values = np.concatenate([left.values, right.values])
    weights = np.concatenate([left.weights, right.weights])
    order = np.argsort(values, kind="stable")
    values, weights = values[order], weights[order]
    if len(values) > EXACT_CELLS:
        total = weights.sum()
        values = _quantiles(values, weights)
        weights = np.full(len(values), total / len(values))
    return values, weights


def _quantiles(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """`SKETCH_CELLS` evenly spaced quantiles of weighted sorted values."""
    upto = np.cumsum(weights)
    wanted = (np.arange(SKETCH_CELLS) + 0.5) * (upto[-1] / SKETCH_CELLS)
    picked: NDArray[np.float64] = values[np.searchsorted(upto, wanted)]
    return picked
