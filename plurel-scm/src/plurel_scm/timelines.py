"""Event times of a table's rows, ascending. Not here: how a period is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

if TYPE_CHECKING:
    from plurel.plugins.requests import TimelineRequest


@frozen
class Even:
    """Evenly spaced over the period, both ends included."""

    def draw(self, request: TimelineRequest) -> NDArray[np.int64]:
        """`[rows] int64` microseconds; the period's start where there is one row only."""
        return self.block(request, 0, request.table.rows)

    def block(self, request: TimelineRequest, start: int, stop: int) -> NDArray[np.int64]:
        """The same of the rows start..stop-1."""
        rows = np.arange(start, stop, dtype=np.int64)
        step, rest = divmod(request.stop - request.start, max(1, request.table.rows - 1))
        return request.start + rows * step + rows * rest // max(1, request.table.rows - 1)
