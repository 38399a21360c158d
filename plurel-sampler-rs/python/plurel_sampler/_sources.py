"""From what a person calls data to a function that gives a fresh Arrow stream each time it is called."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from plurel_sampler.errors import BuildError, SamplerError
from plurel_sampler.records import ArrowStream, Data

BATCH_ROWS = 1 << 16
_LONGEST = 300
_UNREADABLE = (OSError, pa.ArrowException, UnicodeDecodeError)


def source(table: str, data: Data) -> Callable[[], ArrowStream]:
    """Makes rows re-openable.

    Raises:
        BuildError: ``data`` is nothing that gives Arrow streams.
    """
    if isinstance(data, str | Path):
        return ParquetSource(table, Path(data))
    if isinstance(data, ArrowStream):
        return lambda: _Rows(table, data)
    if callable(data):
        return lambda: _wrapped(table, data())
    raise BuildError(
        f"rows of type {type(data).__name__}: expected an object with __arrow_c_stream__ (such as a "
        f"pyarrow.Table), the path of a Parquet file, or a function that gives a stream (table {table})",
        table=table,
    )


def _wrapped(table: str, rows: Any) -> ArrowStream:
    return _Rows(table, rows) if isinstance(rows, ArrowStream) else rows


class _Rows:
    """Rows of somebody else's making, which may be none that Arrow has a type for."""

    def __init__(self, table: str, rows: ArrowStream) -> None:
        self._table = table
        self._rows = rows

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        try:
            return self._rows.__arrow_c_stream__()
        except (SamplerError, MemoryError):
            raise
        except Exception as error:
            column = self._unfit()
            at = f"table {self._table}" + ("" if column is None else f", column {column}")
            told = " ".join(str(error).split())[:_LONGEST]
            raise BuildError(
                f"its rows cannot be read as Arrow: {type(error).__name__}: {told} ({at})",
                table=self._table,
                column=column,
            ) from error

    def _unfit(self) -> str | None:
        """The first column that alone cannot be read either, where the rows are a frame of pandas."""
        columns, parts = getattr(self._rows, "columns", ()), getattr(self._rows, "iloc", None)
        if parts is None:
            return None
        for number, name in enumerate(columns):
            try:
                parts[:, [number]].__arrow_c_stream__()
            except Exception:
                return str(name).encode(errors="backslashreplace").decode()
        return None


class ParquetSource:
    """The rows of a Parquet file; every call gives a fresh stream of them.

    Attributes:
        failure: What went wrong while a stream was read: Arrow's streams hand on words only.
    """

    def __init__(self, table: str, path: Path) -> None:
        self._table = table
        self._path = path
        self.failure: BaseException | None = None

    def __call__(self) -> ArrowStream:
        try:
            # Pages with a checksum are compared with it; those of most writers have none.
            file = pq.ParquetFile(self._path, page_checksum_verification=True)
            reader: ArrowStream = pa.RecordBatchReader.from_batches(file.schema_arrow, self._batches(file))
        except _UNREADABLE as error:
            raise self._error("no readable Parquet file", error) from error
        return reader

    def _batches(self, file: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
        try:
            yield from file.iter_batches(batch_size=BATCH_ROWS)
        except _UNREADABLE as error:
            self.failure = self._error("the file is damaged", error)
            raise
        except KeyboardInterrupt as error:
            self.failure = error
            raise

    def _error(self, words: str, error: Exception) -> BuildError:
        told = " ".join(str(error).split())
        return BuildError(f"{words}: {told}", file=str(self._path), table=self._table)
