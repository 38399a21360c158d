"""Checks of the tables' files: keys, times, order, metadata and finite numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from plurel.relbench_io.frames import LEGACY_KEYS
from plurel.relbench_io.moments import iso
from plurel.validate.breaches import Breaches
from plurel.validate.database import MISSING, SECONDS, Database, ParquetColumns, Table, is_naive_timestamp

if TYPE_CHECKING:
    from numpy.typing import NDArray


def check_tables(database: Database, breaches: Breaches) -> None:
    """Note every breach in the tables."""
    listed = {table.file.name for table in database.tables.values()}
    for file in sorted((database.root / "db").glob("*.parquet")):
        if file.name not in listed:
            breaches.add(
                "files", f"db/{file.name}", "the manifest does not list this table, RelBench 1 and 2 read it"
            )
    for table in database.tables.values():
        with breaches.unreadable(table.place()):
            _check_table(database, table, breaches)


def _check_table(database: Database, table: Table, breaches: Breaches) -> None:
    if table.schema is None:
        missing = "is not a Parquet file" if table.file.is_file() else "is missing"
        breaches.add("files", table.place(), f"the file {missing}")
        return
    repeated = sorted({name for name in table.schema.names if table.schema.names.count(name) > 1})
    if repeated:
        breaches.add("files", table.place(), f"several columns are named {', '.join(repeated)}")
        return
    for column in sorted(table.keys):
        if table.type(column) is None:
            breaches.add(
                "files", table.place(column), "the manifest names this column, the file has none such"
            )
    _check_primary_key(table, breaches)
    for column, parent in table.foreign_keys.items():
        _check_foreign_key(database, table, column, parent, breaches)
    if table.time_column is not None and table.type(table.time_column) is not None:
        check_times(table, table.time_column, table.place(table.time_column), breaches)
        _check_order(table, breaches)
    check_metadata(
        table,
        table.place(),
        (dict(table.foreign_keys), table.primary_key, table.time_column),
        breaches,
    )
    for column in table.schema.names:
        if column not in table.keys:
            check_finite(table, column, table.place(column), breaches)


def _check_primary_key(table: Table, breaches: Breaches) -> None:
    column = table.primary_key
    if column is None or table.type(column) is None:
        return
    rows = whole_numbers(table, column, table.place(column), "primary-key", breaches)
    if rows is None:
        return
    wrong = np.flatnonzero(rows != np.arange(len(rows)))
    if len(wrong):
        first = int(wrong[0])
        found = "null" if rows[first] == MISSING else rows[first]
        breaches.add(
            "primary-key",
            table.place(column),
            f"must be 0..{len(rows) - 1} in row order; row {first} holds {found} ({len(wrong)} such rows)",
        )


def _check_foreign_key(
    database: Database, table: Table, column: str, parent: str, breaches: Breaches
) -> None:
    where = table.place(column)
    target = database.tables.get(parent)
    if target is None:
        breaches.add("foreign-key", where, f"points at {parent!r}, which is no table of the manifest")
    elif target.primary_key is None:
        breaches.add("foreign-key", where, f"points at {parent!r}, which has no primary key")
    if table.type(column) is None:
        return
    rows = whole_numbers(table, column, where, "foreign-key", breaches)
    if rows is None:
        return
    known = rows[rows != MISSING]
    if len(known) < len(rows) and _pandas_type(table, column) != "Int64":
        breaches.add(
            "foreign-key", where, "has nulls and must carry pandas' type Int64, or it reads back as float64"
        )
    if (known < 0).any():
        breaches.add(
            "foreign-key",
            where,
            f"{int((known < 0).sum())} values are negative, the first {known[known < 0][0]}",
        )
    if target is not None and target.schema is not None and (known >= target.rows).any():
        beyond = known[known >= target.rows]
        breaches.add(
            "foreign-key",
            where,
            f"{len(beyond)} values lie beyond the {target.rows} rows of {parent!r}, the first {beyond[0]}",
        )


def whole_numbers(
    columns: ParquetColumns, column: str, where: str, rule: str, breaches: Breaches
) -> NDArray[np.int64] | None:
    """A column's integers, `MISSING` where null; None, noted, where they are none."""
    import pyarrow as pa

    kind = columns.type(column)
    if kind is None or not pa.types.is_integer(kind):
        breaches.add(rule, where, f"must hold integers, not {kind}")
        return None
    cells = columns.read(column).cast(pa.int64(), safe=False).fill_null(int(MISSING))
    return np.asarray(cells.to_numpy(), dtype=np.int64)


def check_times(columns: ParquetColumns, column: str, where: str, breaches: Breaches) -> None:
    """Note a time column that is no naive timestamp, or leaves the years that peers can read."""
    import pyarrow.compute as pc

    kind = columns.type(column)
    if not is_naive_timestamp(kind):
        breaches.add("times", where, f"must hold timestamps without zone, not {kind}")
        return
    ends = pc.min_max(columns.read(column).cast("timestamp[s]", safe=False).cast("int64")).as_py()
    for name, seconds in (("first", ends["min"]), ("last", ends["max"])):
        if seconds is not None and not SECONDS[0] <= seconds <= SECONDS[1]:
            breaches.add("times", where, f"the {name} time, {_year(seconds)}, lies outside 1902..2038")


def _year(seconds: int) -> str:
    try:
        return iso(seconds * 1_000_000)
    except OverflowError:
        return f"{seconds} s since 1970"


def _check_order(table: Table, breaches: Breaches) -> None:
    times = table.times
    if table.primary_key is None or times is None:
        return
    # Rows without a time are dropped by RelBench; standing last, they move nobody's row number.
    order = np.where(times == MISSING, np.iinfo(np.int64).max, times)
    back = np.flatnonzero(order[1:] < order[:-1])
    if len(back):
        breaches.add(
            "order",
            table.place(table.time_column),
            f"rows must be sorted by time, those without one last; row {int(back[0]) + 1} breaks this "
            f"({len(back)} such rows)",
        )


def check_metadata(
    columns: ParquetColumns,
    where: str,
    legacy: tuple[Mapping[str, str], str | None, str | None],
    breaches: Breaches,
) -> None:
    """Note metadata that RelBench 1.x and 2.x need and the file lacks, or that says something else."""
    metadata = (columns.schema.metadata if columns.schema is not None else None) or {}
    if b"pandas" not in metadata:
        breaches.add("metadata", where, "lacks pandas' own metadata, so nullable keys read back as float64")
    for key, expected in zip(LEGACY_KEYS, legacy, strict=True):
        text = metadata.get(key.encode())
        try:
            found = None if text is None else json.loads(text)
        except ValueError:
            found = text
        if text is None:
            breaches.add("metadata", where, f"lacks the metadata {key!r} of RelBench 1 and 2")
        elif found != expected:
            breaches.add("metadata", where, f"metadata {key!r} says {found!r}, the manifest {expected!r}")


def _pandas_type(columns: ParquetColumns, column: str) -> str | None:
    metadata = (columns.schema.metadata if columns.schema is not None else None) or {}
    try:
        described = json.loads(metadata.get(b"pandas", b"{}")).get("columns", [])
    except ValueError:
        return None
    return next((entry.get("numpy_type") for entry in described if entry.get("name") == column), None)


def check_finite(columns: ParquetColumns, column: str, where: str, breaches: Breaches) -> None:
    """Note infinities, which peers crash on."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = columns.type(column)
    if kind is None or not pa.types.is_floating(kind):
        return
    infinite = pc.sum(pc.is_inf(columns.read(column).cast(pa.float64()))).as_py()
    if infinite:
        breaches.add("values", where, f"holds {infinite} infinite values; numbers must be finite or null")
