"""Facts of whole columns, folded from runs of rows in their order.

Exact up to a million cells; beyond that ranks come from a sketch of fixed size: sorted runs, of which two of
the same weight are merged and thinned to every second value (Munro and Paterson, 1980, section 3). Not here:
what the facts are for (transforms).
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

RUN_CELLS = 1 << 18
"""Most values of a run of the sketch that stands for more of them; a rank is off by less than two parts in
`RUN_CELLS` for each time that the column's length doubles beyond it."""


@frozen(eq=False)
class Run:
    """Sorted values that stand for equally many cells each.

    Attributes:
        values: ascending, `[n] f64`.
        weight: how many cells each stands for.
    """

    values: NDArray[np.float64]
    weight: int = 1

    def merge(self, other: Run) -> Run:
        """Both runs as one; they have the same weight."""
        values = np.concatenate([self.values, other.values])
        values.sort(kind="stable")  # which finds the two sorted halves and only merges them
        return Run(values, self.weight)

    def thinned(self) -> Run:
        """Every second value, with twice the weight."""
        return Run(self.values[self.weight.bit_length() % 2 :: 2].copy(), 2 * self.weight)


@frozen(kw_only=True, eq=False)
class ColumnSummary:
    """What a run of rows tells of a column: moments, bounds and sorted values, of its finite cells.

    Attributes:
        count: number of cells.
        mean: their mean.
        squares: sum of squared distances to the mean.
        minimum: the smallest, +inf without cells.
        maximum: the largest, -inf without cells.
        runs: their sorted values, in runs of falling weight and length; none where they were not asked for.
    """

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    minimum: float = np.inf
    maximum: float = -np.inf
    runs: tuple[Run, ...] = field(default=())

    @classmethod
    def of(cls, cells: NDArray[np.float64], *, ordered: bool) -> ColumnSummary:
        """The summary of some rows.

        Args:
            cells: `[rows] f64`; those that are not finite do not count.
            ordered: whether sorted values are wanted.
        """
        cells = cells[np.isfinite(cells)]
        if not len(cells):
            return cls()
        mean = float(cells.mean())
        return cls(
            count=len(cells),
            mean=mean,
            squares=float(((cells - mean) ** 2).sum()),
            minimum=float(cells.min()),
            maximum=float(cells.max()),
            runs=(Run(np.sort(cells)),) if ordered else (),
        )

    def merge(self, later: ColumnSummary) -> ColumnSummary:
        """The summary of these rows and the `later` ones.

        Source of the moments: Chan, Golub and LeVeque (1979), equation 1.5.
        """
        count = self.count + later.count
        if not count:
            return self
        step = later.mean - self.mean
        return ColumnSummary(
            count=count,
            mean=self.mean + step * later.count / count,
            squares=self.squares + later.squares + step**2 * self.count * later.count / count,
            minimum=min(self.minimum, later.minimum),
            maximum=max(self.maximum, later.maximum),
            runs=_compact([*self.runs, *later.runs], exact=count <= EXACT_CELLS),
        )

    def facts(self) -> ColumnFacts:
        """The facts that transforms are fitted to; all zeros where the column has no finite cell."""
        empty = not self.count
        return ColumnFacts(
            count=self.count,
            mean=self.mean,
            std=0.0 if empty else float(np.sqrt(self.squares / self.count)),
            minimum=0.0 if empty else self.minimum,
            maximum=0.0 if empty else self.maximum,
            sorted_values=_sorted(self.runs),
        )


def _compact(runs: list[Run], *, exact: bool) -> tuple[Run, ...]:
    """Merge neighbours of one weight as soon as the later one is no shorter, and thin what becomes too long.

    Like the carries of a binary counter, so a value is merged as often as the column's length doubles.
    """
    done: list[Run] = []
    for run in runs:
        while not exact and len(run.values) > RUN_CELLS:
            run = run.thinned()
        done.append(run)
        while len(done) > 1 and _alike(*done[-2:]):
            later, earlier = done.pop(), done.pop()
            merged = earlier.merge(later)
            while not exact and len(merged.values) > RUN_CELLS:
                merged = merged.thinned()
            done.append(merged)
    return tuple(done)


def _alike(earlier: Run, later: Run) -> bool:
    return earlier.weight == later.weight and len(earlier.values) < 2 * len(later.values)


def _sorted(runs: tuple[Run, ...]) -> NDArray[np.float64]:
    """All values in ascending order; those of a sketch as its `2 * RUN_CELLS` evenly spaced quantiles."""
    if not runs:
        return np.empty(0)
    values = np.concatenate([run.values for run in runs])
    if all(run.weight == 1 for run in runs):
        return np.sort(values)
    weights = np.repeat([float(run.weight) for run in runs], [len(run.values) for run in runs])
    order = np.argsort(values, kind="stable")
    upto = np.cumsum(weights[order])
    wanted = (np.arange(2 * RUN_CELLS) + 0.5) * (upto[-1] / (2 * RUN_CELLS))
    picked: NDArray[np.float64] = values[order[np.searchsorted(upto, wanted)]]
    return picked
