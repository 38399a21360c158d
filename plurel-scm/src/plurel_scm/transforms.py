"""What happens to a float column after generation; NaN stays NaN.

Each transform says which facts of the whole column it needs, is fitted to them, and then treats values one
by one. Not here: which column gets which, and missing cells (core's generation).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from plurel_scm import _kernel

if TYPE_CHECKING:
    from plurel.plugins.requests import ColumnFacts

F64: TypeAlias = NDArray[np.float64]

SMALLEST_DEVIATION = 1e-8


def _identity(values: F64) -> F64:
    return values


def _log(values: F64) -> F64:
    return _kernel.signed_log(values)


def _sqrt(values: F64) -> F64:
    return np.copysign(np.sqrt(np.abs(values)), values)


@frozen
class Pointwise:
    """A transform that needs no facts: it is its own fit."""

    function: Callable[[F64], F64]
    needs: frozenset[str] = frozenset()

    def fit(self, facts: ColumnFacts) -> Pointwise:  # noqa: ARG002
        """Itself."""
        return self

    def apply(self, values: F64) -> F64:
        """The function of each value, `[rows]` to `[rows]`."""
        return self.function(values)


def identity() -> Pointwise:
    """Every value as it is."""
    return Pointwise(_identity)


def signed_log() -> Pointwise:
    """The signed logarithm `sign(x) log(1 + |x|)`."""
    return Pointwise(_log)


def signed_sqrt() -> Pointwise:
    """The signed root `sign(x) sqrt(|x|)`."""
    return Pointwise(_sqrt)


@frozen(eq=False)
class FittedRank:
    """Ranks among a column's values.

    Attributes:
        sorted_values: the column's finite values (or a sketch of them), ascending.
    """

    sorted_values: F64

    def apply(self, values: F64) -> F64:
        """`rank / (count + 1)` with ranks from 1, tied values at their average rank."""
        below = np.searchsorted(self.sorted_values, values, side="left")
        upto = np.searchsorted(self.sorted_values, values, side="right")
        ranks = (below + upto + 1) / (2 * (len(self.sorted_values) + 1))
        return np.where(np.isnan(values), np.nan, ranks)


@frozen
class RankUniform:
    """Ranks spread evenly over 0..1."""

    needs: frozenset[str] = field(default=frozenset({"sorted_values"}), init=False)

    def fit(self, facts: ColumnFacts) -> FittedRank:
        """Remember the column's order."""
        return FittedRank(facts.sorted_values)


@frozen
class FittedStandardize:
    """A shift and a scale."""

    mean: float
    deviation: float

    def apply(self, values: F64) -> F64:
        """`(x - mean) / deviation`."""
        return (values - self.mean) / self.deviation


@frozen
class Standardize:
    """Mean 0 and population standard deviation 1; a constant column becomes 0."""

    needs: frozenset[str] = field(default=frozenset({"mean", "std"}), init=False)

    def fit(self, facts: ColumnFacts) -> FittedStandardize:
        """Take mean and deviation, the latter at least 1e-8."""
        return FittedStandardize(mean=facts.mean, deviation=max(facts.std, SMALLEST_DEVIATION))
