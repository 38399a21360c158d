"""A database directory as the checks see it: what its manifests say, and its Parquet files by column.

Lenient where `plurel.relbench_io` is strict, since a breach must not hide the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from attrs import define, frozen

from plurel.errors import DatabaseError
from plurel.relbench_io.footers import Footer, read_footer

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

SECONDS = (-(1 << 31), (1 << 31) - 1)
"""Peers read times as 32-bit seconds: 1901-12-13 to 2038-01-19."""


@define
class ParquetColumns:
    """A Parquet file, read a column at a time."""

    file: Path

    @cached_property
    def _footer(self) -> Footer | None:
        with suppress(DatabaseError):
            return read_footer(self.file)
        return None

    @property
    def schema(self) -> pa.Schema | None:
        """Its Arrow schema, None where it is not there or is no Parquet file."""
        return None if self._footer is None else self._footer.schema

    @property
    def rows(self) -> int:
        """Number of its rows."""
        return 0 if self._footer is None else self._footer.rows

    def type(self, column: str) -> pa.DataType | None:
        """Arrow type of a column, None where there is no such column."""
        if self.schema is None or column not in self.schema.names:
            return None
        return self.schema.field(column).type

    def read(self, column: str) -> pa.ChunkedArray:
        """The cells of a column.

        Raises:
            DatabaseError: where the file's pages are damaged behind a sound footer.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return pq.read_table(self.file, columns=[column], page_checksum_verification=True).column(0)
        except (OSError, pa.ArrowException) as error:
            words = " ".join(str(error).split())
            raise DatabaseError(
                f"the cells of {column!r} in {self.file.name} cannot be read: {words}"
            ) from error


@define
class Table(ParquetColumns):
    """A table as the manifest describes it."""

    name: str
    primary_key: str | None
    time_column: str | None
    foreign_keys: Mapping[str, str]

    @property
    def keys(self) -> frozenset[str]:
        """Columns that are no features: keys and the time."""
        named = (self.primary_key, self.time_column, *self.foreign_keys)
        return frozenset(name for name in named if name is not None)

    def place(self, column: str | None = None) -> str:
        """What breaches call the table, or a column of it."""
        return f"db/{self.file.name}" + (f", {column}" if column else "")

    @cached_property
    def times(self) -> NDArray[np.int64] | None:
        """Its rows' times in microseconds since 1970; None without a naive time column."""
        return moments(self, self.time_column) if self.time_column is not None else None


MISSING = np.iinfo(np.int64).min
"""A missing moment among `moments`."""


def moments(columns: ParquetColumns, name: str) -> NDArray[np.int64] | None:
    """A column's moments in microseconds since 1970, `MISSING` where null.

    Returns:
        `[rows] int64`, or None where the column is no timestamp without zone.
    """
    import pyarrow as pa

    if not is_naive_timestamp(columns.type(name)):
        return None
    cells = columns.read(name).cast(pa.timestamp("us"), safe=False).cast(pa.int64())
    return np.asarray(cells.fill_null(int(MISSING)).to_numpy(), dtype=np.int64)


def is_naive_timestamp(kind: pa.DataType | None) -> bool:
    """Whether an Arrow type is a timestamp without zone."""
    import pyarrow as pa

    return kind is not None and pa.types.is_timestamp(kind) and kind.tz is None


@frozen
class Database:
    """A database directory.

    Attributes:
        root: the directory.
        name: its name, None where the manifest has none.
        tables: its tables by name.
        val: start of validation in microseconds since 1970, None where it cannot be understood.
        test: start of test, likewise.
    """

    root: Path
    name: str | None
    tables: Mapping[str, Table]
    val: int | None
    test: int | None

    @property
    def times(self) -> tuple[int, int] | None:
        """First and last moment of any row, None where no table is timed."""
        known = [
            table.times[table.times != MISSING] for table in self.tables.values() if table.times is not None
        ]
        filled = [times for times in known if len(times)]
        if not filled:
            return None
        return min(int(times.min()) for times in filled), max(int(times.max()) for times in filled)


@frozen(kw_only=True)
class Task:
    """A task whose labels belong to rows of one table.

    Attributes:
        folder: its folder.
        kind: how RelBench makes its labels.
        task_type: what is predicted.
        entity: the table whose rows are predicted.
        entity_col: the label files' column with the row.
        target: the label files' column that is predicted.
        time: the label files' column with the cutoff, or None.
        window: length of a forecast's window in microseconds, None for other kinds.
    """

    folder: Path
    kind: str
    task_type: str
    entity: Table
    entity_col: str
    target: str
    time: str | None
    window: int | None

    @property
    def place(self) -> str:
        """What breaches call it."""
        return f"tasks/{self.folder.name}"
