"""What joins the encodings of a node's inputs: `[edges, rows, dim] -> [rows, dim]`, NaN to NaN.

All four are associative, so the encodings of parent rows are joined over parent rows once and then gathered.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from plurel.plugins.protocols import Aggregation

F32: TypeAlias = NDArray[np.float32]


class Sum(Aggregation):
    """The sum; a parent row's encodings enter as their mean."""

    associative = True

    def foreign_weight(self, columns: int) -> float:
        """`1 / columns`."""
        return 1.0 / columns

    def __call__(self, stack: F32) -> F32:
        """The sum over edges."""
        total: F32 = stack[0]
        for part in stack[1:]:
            total += part
        return total


class Max(Aggregation):
    """The largest, dimension by dimension."""

    associative = True
    neutral = -np.inf

    def __call__(self, stack: F32) -> F32:
        """The maximum over edges."""
        largest: F32 = stack[0]
        for part in stack[1:]:
            np.maximum(largest, part, out=largest)
        return largest


class Product(Aggregation):
    """The product; it overflows to infinity as f32 does, and NaN may follow from that."""

    associative = True
    neutral = 1.0

    def __call__(self, stack: F32) -> F32:
        """The product over edges."""
        product: F32 = stack[0]
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            for part in stack[1:]:
                product *= part
        return product


class LogSumExp(Aggregation):
    """The logarithm of the sum of exponentials, a smooth maximum."""

    associative = True
    neutral = -np.inf

    def __call__(self, stack: F32) -> F32:
        """`log(sum(exp(stack)))`, shifted by the maximum so that nothing overflows."""
        largest: F32 = stack.max(axis=0)
        shift: F32 = np.where(np.isneginf(largest), np.float32(0), largest)
        total: F32 = np.zeros_like(shift)
        with np.errstate(divide="ignore"):
            for part in stack:
                part -= shift
                total += np.exp(part, out=part)
            np.log(total, out=total)
        total += shift
        return total
