"""Which cells of a column are missing: an exact number of them, all choices equally likely, block by block.

Every row draws a word of 64 bits, and the cells with the smallest words are missing. Only the greatest of
those words has to be known, so a column of any length takes one number. Not here: how many are missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from plurel.pieces import in_order, spans
from plurel.plugins.requests import BLOCK_ROWS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from plurel.pieces import Work
    from plurel.seeding import Stream

_WORD = (1 << 64) - 1
_DEVIATIONS = 8.0
"""Standard deviations around its mean in which the greatest word is looked for first."""


@frozen(kw_only=True)
class MissingCells:
    """The missing cells of a column.

    Two equal words at the limit, about once in 10^19 / rows columns, make it one cell more.

    Attributes:
        stream: the column's stream of words; a block's stand at the block's number.
        cells: how many cells are missing.
        greatest: the greatest word of a missing cell, None where no cell is missing.
    """

    stream: Stream
    cells: int = 0
    greatest: int | None = None

    def among(self, start: int, stop: int) -> NDArray[np.bool_]:
        """Whether the cells of the rows start..stop-1 are missing, `[rows] bool`."""
        if self.greatest is None:
            return np.zeros(stop - start, dtype=np.bool_)
        return _words(self.stream, (start, stop)) <= np.uint64(self.greatest)


def draw_missing(rows: int, cells: int, stream: Stream, work: Work = in_order) -> MissingCells:
    """Draw which cells of a column are missing.

    Args:
        rows: number of rows.
        cells: how many of them miss their cell, at most `rows`.
        stream: the column's own stream of missing cells.
        work: what does the column's pieces.
    """
    if not cells:
        return MissingCells(stream=stream)
    share = cells / rows
    around = _DEVIATIONS * sqrt(max(share * (1 - share) / rows, 1 / rows**2))
    while True:
        low, high = (min(max(int(bound * 2.0**64), 0), _WORD) for bound in (share - around, share + around))
        below, between = _count(work(partial(_near, stream, low, high), spans(rows)))
        place = cells - 1 - below
        if 0 <= place < len(between):
            greatest = int(np.partition(between, place)[place])
            return MissingCells(stream=stream, cells=cells, greatest=greatest)
        around *= 2


def _words(stream: Stream, span: tuple[int, int]) -> NDArray[np.uint64]:
    """The words of the rows start..stop-1, `[rows] u64`."""
    start, stop = span
    words = np.empty(stop - start, dtype=np.uint64)
    for block in range(start // BLOCK_ROWS, -(-stop // BLOCK_ROWS)):
        first = block * BLOCK_ROWS
        last = min(first + BLOCK_ROWS, stop)
        drawn = stream.generator(block).bit_generator.random_raw(last - first)
        skipped = max(start - first, 0)
        words[first + skipped - start : last - start] = drawn[skipped:]
    return words


def _near(stream: Stream, low: int, high: int, span: tuple[int, int]) -> tuple[int, NDArray[np.uint64]]:
    """How many words of some rows lie below a bound, and those between it and another."""
    words = _words(stream, span)
    below = words < np.uint64(low)
    return int(np.count_nonzero(below)), words[~below & (words <= np.uint64(high))]


def _count(told: Iterable[tuple[int, NDArray[np.uint64]]]) -> tuple[int, NDArray[np.uint64]]:
    counts, between = zip(*told, strict=True)
    return sum(counts), np.concatenate(between)
