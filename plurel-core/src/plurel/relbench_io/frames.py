"""Frames as Parquet that every RelBench reads: keys cast, legacy and pandas metadata side by side.

Not here: manifests and folders (`plurel.relbench_io.write`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from plurel.errors import DatabaseError

if TYPE_CHECKING:
    import pandas as pd

LEGACY_KEYS = ("fkey_col_to_pkey_table", "pkey_col", "time_col")
"""Keys of the Parquet metadata in which RelBench 1.x and 2.x keep what 3.x has in the manifest."""

ROW_GROUP = 1 << 17


def keyed(
    frame: pd.DataFrame,
    *,
    where: str,
    primary_key: str | None,
    foreign_keys: Mapping[str, int],
    time_column: str | None,
) -> pd.DataFrame:
    """The frame with keys and times in the dtypes of the contract; its rows stay as they are.

    Args:
        frame: the rows.
        where: what errors call it.
        primary_key: column that must hold 0..n-1 in row order, or None.
        foreign_keys: for each foreign key column the number of rows of its parent.
        time_column: column of the rows' times, or None.

    Returns:
        A new frame: primary key `int64`, foreign keys nullable `Int64`, times `datetime64[us]`.

    Raises:
        DatabaseError: for a column that is not there, or values that no cast makes right.
    """
    import pandas as pd

    frame = frame.copy(deep=False).reset_index(drop=True)
    missing = [name for name in (primary_key, time_column, *foreign_keys) if name and name not in frame]
    if missing:
        raise DatabaseError(f"{where} has no column {', '.join(map(repr, missing))}")
    if primary_key is not None:
        key = frame[primary_key]
        if key.isna().any() or not np.array_equal(key.to_numpy(), np.arange(len(frame))):
            raise DatabaseError(f"{where}.{primary_key} must be 0..{len(frame) - 1} in row order")
        frame[primary_key] = np.arange(len(frame), dtype=np.int64)
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
                f"got {outside.iloc[0]} at row {outside.index[0]} ({len(outside)} such rows)"
            )
        frame[column] = values
    for name in frame:
        if isinstance(frame[name].dtype, pd.DatetimeTZDtype):
            raise DatabaseError(f"{where}.{name} has a time zone; convert it to UTC and strip it")
        if frame[name].dtype.kind == "M":
            frame[name] = frame[name].astype("datetime64[us]")
    if time_column is not None and frame[time_column].dtype.kind != "M":
        raise DatabaseError(f"{where}.{time_column} must hold timestamps, not {frame[time_column].dtype}")
    if time_column is not None and primary_key is not None:
        # Rows without a time are dropped by RelBench; standing last, they move nobody's row number.
        known = frame[time_column].dropna()
        if not known.is_monotonic_increasing or not known.index.equals(frame.index[: len(known)]):
            raise DatabaseError(f"{where} must be sorted by {time_column}, rows without one last")
    return frame


def write_parquet(
    frame: pd.DataFrame,
    file: Path,
    *,
    primary_key: str | None,
    foreign_keys: Mapping[str, str],
    time_column: str | None,
) -> None:
    """Write a frame; the same frame gives the same bytes.

    RelBench 1.x and 2.x read keys from the file's own metadata; pandas' metadata stays beside it because a
    nullable `Int64` key would otherwise read back as float64. Every page carries a checksum, which readers
    that ask for it compare.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(frame, preserve_index=False)
    legacy: tuple[Any, ...] = (dict(foreign_keys), primary_key, time_column)
    metadata = {key: json.dumps(value) for key, value in zip(LEGACY_KEYS, legacy, strict=True)}
    table = table.replace_schema_metadata({**table.schema.metadata, **metadata})
    pq.write_table(table, file, row_group_size=ROW_GROUP, write_page_checksum=True)
