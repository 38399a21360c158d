"""From what a person calls data to a function that gives a fresh Arrow stream each time it is called."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from plurel_sampler.errors import BuildError
from plurel_sampler.records import ArrowStream, Data

BATCH_ROWS = 1 << 16


def source(table: str, data: Data) -> Callable[[], ArrowStream]:
    """Makes rows re-openable.

    Raises:
        BuildError: ``data`` is nothing that gives Arrow streams.
    """
    if isinstance(data, str | Path):
        return partial(_parquet, table, Path(data))
    if isinstance(data, ArrowStream):
        return partial(_same, data)
    if callable(data):
        return data
    raise BuildError(
        f"rows of type {type(data).__name__}: expected an object with __arrow_c_stream__ (such as a "
        f"pyarrow.Table), the path of a Parquet file, or a function that gives a stream (table {table})",
        table=table,
    )


def _same(data: ArrowStream) -> ArrowStream:
    return data


def _parquet(table: str, path: Path) -> ArrowStream:
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise BuildError(f"no readable Parquet file: {error}", file=str(path), table=table) from error
    batches = file.iter_batches(batch_size=BATCH_ROWS)
    reader: ArrowStream = pa.RecordBatchReader.from_batches(file.schema_arrow, batches)
    return reader
