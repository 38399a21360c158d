"""Frames as Parquet that every RelBench reads: keys cast, legacy and pandas metadata side by side.

A table comes in pieces, frames that follow one another, of which there may be one. Not here: manifests and
folders (`plurel.relbench_io.write`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from plurel.errors import DatabaseError
from plurel.pieces import PIECE_ROWS

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

LEGACY_KEYS = ("fkey_col_to_pkey_table", "pkey_col", "time_col")
"""Keys of the Parquet metadata in which RelBench 1.x and 2.x keep what 3.x has in the manifest."""


def keyed(
    pieces: Iterable[pd.DataFrame],
    *,
    where: str,
    primary_key: str | None,
    foreign_keys: Mapping[str, int],
    time_column: str | None,
    order: Sequence[str] = (),
) -> Iterator[pd.DataFrame]:
    """The pieces with keys and times in the dtypes of the contract; their rows stay as they are.

    Args:
        pieces: the rows, in order.
        where: what errors call the table.
        primary_key: column that must hold 0..n-1 in row order, or None.
        foreign_keys: for each foreign key column the number of rows of its parent.
        time_column: column of the rows' times, or None.
        order: columns by which the rows must be sorted, ties of the first by the second; rows without the
            first, a time, stand last.

    Yields:
        New frames: primary key `int64`, foreign keys nullable `Int64`, times `datetime64[us]`.

    Raises:
        DatabaseError: for a column that is not there, values that no cast makes right, or rows that are not
            sorted.
    """
    import pandas as pd

    start = 0
    last: pd.DataFrame | None = None
    for piece in pieces:
        frame = _keyed(piece, start, where, primary_key, foreign_keys, time_column)
        if order:
            ends = frame[list(order)]
            _check_order(ends if last is None else pd.concat([last, ends], ignore_index=True), where)
            last = ends.tail(1)
        start += len(frame)
        yield frame


def _keyed(
    frame: pd.DataFrame,
    start: int,
    where: str,
    primary_key: str | None,
    foreign_keys: Mapping[str, int],
    time_column: str | None,
) -> pd.DataFrame:
    """The piece whose first row has the number `start`."""
    import pandas as pd

    frame = frame.copy(deep=False).reset_index(drop=True)
    missing = [name for name in (primary_key, time_column, *foreign_keys) if name and name not in frame]
    if missing:
        raise DatabaseError(f"{where} has no column {', '.join(map(repr, missing))}")
    if primary_key is not None:
        key, numbers = frame[primary_key], np.arange(start, start + len(frame), dtype=np.int64)
        if key.isna().any() or not np.array_equal(key.to_numpy(), numbers):
            raise DatabaseError(
                f"{where}.{primary_key} must be {start}..{start + len(frame) - 1} in row order"
            )
        frame[primary_key] = numbers
    for column, rows in foreign_keys.items():
        try:
            values = frame[column].astype("Int64")
        except (TypeError, ValueError) as error:
            raise DatabaseError(f"{where}.{column} must hold row numbers: {error}") from error
        known = values.dropna()
        outside = known[(known < 0) | (known >= rows)]
        if len(outside):
            raise DatabaseError(
                f"{where}.{column} must hold row numbers 0..{rows - 1}, "
                f"got {outside.iloc[0]} at row {start + outside.index[0]} ({len(outside)} such rows)"
            )
        frame[column] = values
    for name in frame:
        if isinstance(frame[name].dtype, pd.DatetimeTZDtype):
            raise DatabaseError(f"{where}.{name} has a time zone; convert it to UTC and strip it")
        if frame[name].dtype.kind == "M":
            frame[name] = frame[name].astype("datetime64[us]")
    if time_column is not None and frame[time_column].dtype.kind != "M":
        raise DatabaseError(f"{where}.{time_column} must hold timestamps, not {frame[time_column].dtype}")
    return frame


def _check_order(rows: pd.DataFrame, where: str) -> None:
    """Refuse rows that are not sorted by their columns.

    Rows without a time are dropped by RelBench; standing last, they move nobody's row number.
    """
    time, *others = rows.columns
    known = rows[time].dropna()
    right = known.is_monotonic_increasing and known.index.equals(rows.index[: len(known)])
    for name in others:
        falls = rows[name].diff() < 0
        right = right and not bool((falls & (rows[time] == rows[time].shift())).any())
    if not right:
        raise DatabaseError(
            f"{where} must be sorted by {', then '.join(rows.columns)}, rows without one last"
        )


def write_parquet(
    pieces: Iterable[pd.DataFrame],
    file: Path,
    *,
    primary_key: str | None,
    foreign_keys: Mapping[str, str],
    time_column: str | None,
) -> None:
    """Write a table; the same rows in the same pieces give the same bytes.

    RelBench 1.x and 2.x read keys from the file's own metadata; pandas' metadata stays beside it because a
    nullable `Int64` key would otherwise read back as float64. Every page carries a checksum, which readers
    that ask for it compare.

    Args:
        pieces: its rows, in order, at least one frame; the first one tells the types of all.
        file: the Parquet file.
        primary_key: for the metadata, as the next two.
        foreign_keys: the parent of each foreign key column.
        time_column: the column of the rows' times, or None.

    Raises:
        DatabaseError: where a piece has other types than the first.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    legacy: tuple[Any, ...] = (dict(foreign_keys), primary_key, time_column)
    metadata = {key: json.dumps(value) for key, value in zip(LEGACY_KEYS, legacy, strict=True)}
    waiting = iter(pieces)
    first = pa.Table.from_pandas(next(waiting), preserve_index=False)
    first = first.replace_schema_metadata({**first.schema.metadata, **metadata})
    # Floats, row numbers and times hardly repeat: a dictionary of them takes more time and room than they do.
    unlike = (primary_key, time_column)
    repeated = [
        field.name
        for field in first.schema
        if field.name not in unlike and not pa.types.is_floating(field.type)
    ]
    with pq.ParquetWriter(
        file, first.schema, use_dictionary=repeated or False, write_page_checksum=True
    ) as writer:
        writer.write_table(first, row_group_size=PIECE_ROWS)
        for piece in waiting:
            writer.write_table(_like(piece, first.schema, file), row_group_size=PIECE_ROWS)


def _like(piece: pd.DataFrame, schema: pa.Schema, file: Path) -> pa.Table:
    import pyarrow as pa

    try:
        return pa.Table.from_pandas(piece, schema=schema, preserve_index=False)
    except (pa.ArrowException, KeyError) as error:
        raise DatabaseError(
            f"{file.stem} came in pieces of different types: {' '.join(str(error).split())}"
        ) from error
