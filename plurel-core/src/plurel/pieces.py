"""Tables as frames that follow one another, so that no table has to fit into memory.

Not here: making the frames (`plurel.generation.rows`) and writing them (`plurel.relbench_io`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, cast, overload

from attrs import evolve, frozen

if TYPE_CHECKING:
    import pandas as pd

J = TypeVar("J")
R = TypeVar("R")

PIECE_ROWS = 1 << 17
"""Most rows of a piece, and those of a row group in Parquet."""

Rows: TypeAlias = "pd.DataFrame | Iterable[pd.DataFrame]"
"""Rows as a frame, or as frames that follow one another; what may be asked for twice."""


class Work(Protocol):
    """Does independent pieces of work, one after the other or several at a time."""

    def __call__(self, function: Callable[[J], R], jobs: Iterable[J], /) -> Iterator[R]:
        """The results in the order of the jobs, whatever the order in which they were done."""
        ...


def in_order(function: Callable[[J], R], jobs: Iterable[J], /) -> Iterator[R]:
    """`Work` done here, one job after the other.

    Example:
        >>> list(in_order(abs, [-1, 2]))
        [1, 2]
    """
    return map(function, jobs)


def pieces_of(rows: Rows) -> Iterator[pd.DataFrame]:
    """Rows in pieces; a frame is one."""
    import pandas as pd

    return iter([rows] if isinstance(rows, pd.DataFrame) else rows)


def spans(rows: int) -> list[tuple[int, int]]:
    """The rows of pieces as (start, stop).

    Example:
        >>> spans(PIECE_ROWS + 1)
        [(0, 131072), (131072, 131073)]
    """
    return [(start, min(start + PIECE_ROWS, rows)) for start in range(0, rows, PIECE_ROWS)]


@frozen(kw_only=True, eq=False)
class Pieces:
    """A table, or a run of its rows, whose cells are made or read when somebody asks.

    Iterated over, it gives its rows in order as frames of at most `PIECE_ROWS`; `pieces[names]` is a whole
    frame of some columns, `pieces[name]` a series.

    Attributes:
        columns: names of the columns, in order.
        start: its first row.
        stop: the row after its last.
        read: gives the rows start..stop-1 of some columns as a frame; several threads may ask at once.
        work: what makes the pieces.
    """

    columns: tuple[str, ...]
    start: int = 0
    stop: int
    read: Callable[[int, int, Sequence[str]], pd.DataFrame]
    work: Work = in_order

    @classmethod
    def of(cls, table: pd.DataFrame | Pieces) -> Pieces:
        """A table that may be a frame already."""
        if isinstance(table, Pieces):
            return table
        return cls(columns=tuple(table.columns), stop=len(table), read=partial(_cut, table))

    def __len__(self) -> int:
        return self.stop - self.start

    def __iter__(self) -> Iterator[pd.DataFrame]:
        read = partial(self._read, self.columns)
        return iter(self.work(read, spans(len(self)) or [(0, 0)]))

    @overload
    def __getitem__(self, names: str) -> pd.Series: ...
    @overload
    def __getitem__(self, names: list[str]) -> pd.DataFrame: ...
    def __getitem__(self, names: str | list[str]) -> pd.Series | pd.DataFrame:
        if isinstance(names, str):
            return self.only([names]).frame()[names]
        return self.only(names).frame()

    def only(self, names: Sequence[str]) -> Pieces:
        """The same rows with some of the columns.

        Raises:
            KeyError: where there is no such column.
        """
        unknown = [name for name in names if name not in self.columns]
        if unknown:
            raise KeyError(f"no columns {unknown}; columns: {list(self.columns)}")
        return evolve(self, columns=tuple(names))

    def part(self, start: int, stop: int) -> Pieces:
        """Some of the rows: `stop - start` of them from row `start` of this run."""
        return evolve(self, start=self.start + start, stop=self.start + stop)

    def frame(self) -> pd.DataFrame:
        """The whole table in memory, its rows numbered from 0."""
        import pandas as pd

        frames = list(self)
        return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)

    def _read(self, names: Sequence[str], span: tuple[int, int]) -> pd.DataFrame:
        return self.read(self.start + span[0], self.start + span[1], names)


def _cut(frame: pd.DataFrame, start: int, stop: int, names: Sequence[str]) -> pd.DataFrame:
    cut: Any = frame[list(names)].iloc[start:stop].reset_index(drop=True)
    return cast("pd.DataFrame", cut)
