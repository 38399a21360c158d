"""Column types: what a column of a database is, inferred from its Arrow type and what stands in it.

The built-in types are contributions like anyone's: each says how sure it is of a column, the surest wins,
and its record names one of the store's five encodings. Not here: the store's own, coarser fallback from
Arrow types alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from attrs import field, frozen, validators

from plurel.errors import DatabaseError
from plurel.generation.blame import blaming
from plurel.plugins.records import ColumnType, Encoding
from plurel.plugins.requests import InferRequest

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from plurel.plugins import Entry, Ledger
    from plurel.relbench_io.directory import DatabaseDirectory, TableDirectory

LOOKED_AT = 1 << 17
"""Rows from the start of a table that inference looks at."""

_NUMBERS = ("int", "uint", "float", "double", "halffloat", "decimal")
_TEXTS = ("string", "large_string", "string_view")


@frozen
class Number:
    """Numbers of any width; integers are numbers too, since nothing but a name tells codes from counts."""

    def infer(self, request: InferRequest) -> float:
        """Sure of every numeric Arrow type; of a column without any value only for want of better."""
        if request.arrow_type == "null":
            return 0.1
        return 0.9 if request.arrow_type.startswith(_NUMBERS) else 0.0

    def decode(self, values: NDArray[Any]) -> NDArray[Any]:
        """The values themselves, `[rows] f64`."""
        import numpy as np

        return values.astype(np.float64)


@frozen
class Boolean:
    """True or false."""

    def infer(self, request: InferRequest) -> float:
        """Sure of Arrow's `bool` only: a number 0 or 1 may be a count."""
        return 1.0 if request.arrow_type == "bool" else 0.0

    def decode(self, values: NDArray[Any]) -> NDArray[Any]:
        """True where a value is above zero, `[rows] bool`."""
        return values > 0


@frozen(kw_only=True)
class CategoryParams:
    """When strings are labels.

    Attributes:
        max_labels: a column of strings with more distinct values is text.
        max_length: a column of strings whose mean length in characters is greater is text.
    """

    max_labels: int = field(default=64, validator=validators.ge(1))
    max_length: float = field(default=40.0, validator=validators.gt(0))


@frozen
class Category:
    """One of a few labels."""

    params: CategoryParams = field(factory=CategoryParams)

    def infer(self, request: InferRequest) -> float:
        """Sure of Arrow dictionaries, and of short strings that repeat."""
        if request.arrow_type.startswith("dictionary"):
            return 1.0
        if not request.arrow_type.startswith(_TEXTS) or request.mean_length is None:
            return 0.0
        filled = request.count - request.nulls
        repeats = request.distinct <= self.params.max_labels and 2 * request.distinct <= filled
        return 0.8 if repeats and request.mean_length <= self.params.max_length else 0.0

    def decode(self, values: NDArray[Any]) -> NDArray[Any]:
        """Labels as strings, `[rows] object`."""
        import numpy as np

        return np.array([str(value) for value in values], dtype=object)


@frozen
class Datetime:
    """Moments."""

    def infer(self, request: InferRequest) -> float:
        """Sure of Arrow's timestamps and dates."""
        return 1.0 if request.arrow_type.startswith(("timestamp", "date")) else 0.0

    def decode(self, values: NDArray[Any]) -> NDArray[Any]:
        """Microseconds since 1970 as `[rows] datetime64[us]`, kept within the years 1 to 9999."""
        import numpy as np

        first, last = np.array(["0001-01-01", "9999-12-31"], dtype="datetime64[us]").astype(np.int64)
        moments: NDArray[Any] = np.clip(values, first, last).astype(np.int64).astype("datetime64[us]")
        return moments


@frozen
class Text:
    """Strings that say something."""

    def infer(self, request: InferRequest) -> float:
        """Takes every column of strings that nobody knows better."""
        return 0.5 if request.arrow_type.startswith(_TEXTS) else 0.0

    def decode(self, values: NDArray[Any]) -> NDArray[Any]:
        """The values as strings, `[rows] object`."""
        import numpy as np

        return np.array([str(value) for value in values], dtype=object)


def infer_encodings(directory: DatabaseDirectory, ledger: Ledger) -> dict[str, dict[str, Encoding]]:
    """The store's encoding of every column of a database that is no key: by table, by column.

    What `columns.yaml` states is taken as stated; every other column has that of its type (`infer_types`).

    Raises:
        DatabaseError: see `infer_types`.
    """
    return {
        name: {
            column: directory.tables[name].encodings[column] if entry is None else encoding_of(entry)
            for column, entry in columns.items()
        }
        for name, columns in infer_types(directory, ledger).items()
    }


def encoding_of(entry: Entry) -> Encoding:
    """The store's encoding of a column type's cells."""
    return cast(ColumnType, entry.record).encoding


def infer_types(directory: DatabaseDirectory, ledger: Ledger) -> dict[str, dict[str, Entry | None]]:
    """The column type of every column of a database that is no key.

    A column goes to the surest of the ledger's column types (of equally sure ones to the first by canonical
    id); one whose encoding `columns.yaml` states goes to none.

    Args:
        directory: the database, as `read_directory` gives it.
        ledger: whose `column_types` are asked.

    Returns:
        By table, by column.

    Raises:
        DatabaseError: for a column that no installed type knows, or a file that is no Parquet.
        PluginError: where a type fails.
    """
    types = [(entry, entry.build()) for entry in sorted(ledger.entries("column_types"), key=lambda e: e.id)]
    return {name: _of_table(table, types) for name, table in directory.tables.items()}


def _of_table(table: TableDirectory, types: list[tuple[Entry, Any]]) -> dict[str, Entry | None]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    keys = {table.primary_key, *table.foreign_keys}
    try:
        with pq.ParquetFile(table.file, page_checksum_verification=True) as file:
            schema = file.schema_arrow
            asked = [name for name in schema.names if name not in keys and name not in table.encodings]
            batch = next(file.iter_batches(batch_size=LOOKED_AT, columns=asked), None)
            rows = pa.Table.from_batches([batch]) if batch is not None else schema.empty_table()
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise DatabaseError(f"{table.file} cannot be read as Parquet: {error}") from error
    found: dict[str, Entry | None] = {}
    for name in schema.names:
        if name in table.encodings:
            found[name] = None
        elif name not in keys:
            found[name] = _surest(describe(rows[name], name=name, table=table.name), types)
    return found


def _surest(request: InferRequest, types: list[tuple[Entry, Any]]) -> Entry:
    sure, best = 0.0, None
    for entry, column_type in types:
        with blaming(f"the column type {entry.id}", f"the column {request.table}.{request.name}"):
            confidence = column_type.infer(request)
        if confidence > sure:
            sure, best = confidence, entry
    if best is None:
        raise DatabaseError(
            f"no column type knows {request.table}.{request.name} of Arrow type {request.arrow_type}; "
            "remove the column, convert it, or name its encoding in columns.yaml"
        )
    return best


def describe(column: pa.ChunkedArray, *, name: str, table: str) -> InferRequest:
    """What a column type is told of a column.

    Args:
        column: the cells that are looked at.
        name: the column's name.
        table: the table's name.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    facts: Mapping[str, Any] = {}
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        mean = pc.mean(pc.utf8_length(column)).as_py()
        facts = {"mean_length": mean}
    elif pa.types.is_primitive(kind) or pa.types.is_decimal(kind):
        facts = _ends(column)
    return InferRequest(
        name=name,
        table=table,
        arrow_type=str(kind),
        count=len(column),
        nulls=column.null_count,
        distinct=_distinct(column),
        **facts,
    )


def _ends(column: pa.ChunkedArray) -> Mapping[str, Any]:
    """The least and the greatest cell, where Arrow orders cells of this type and Python can hold them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp(column.type.unit))  # moments in UTC, whatever zone they name
    try:
        ends = pc.min_max(column)
        return {"minimum": ends["min"].as_py(), "maximum": ends["max"].as_py()}
    except (pa.ArrowNotImplementedError, ValueError, OverflowError):
        return {}


def _distinct(column: pa.ChunkedArray) -> int:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_nested(column.type) or pa.types.is_null(column.type):
        return 0
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_string_view(column.type):
        column = column.cast(pa.string())
    if pa.types.is_float16(column.type):
        column = column.cast(pa.float32())
    return int(pc.count_distinct(column, mode="only_valid").as_py())
