"""Building stores: from tables and tasks to a directory that exists whole or not at all.

The packing is done by the native module; here a person's records become what it takes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, TypeAlias

import numpy as np

from plurel_sampler._checks import check
from plurel_sampler._ready import _native
from plurel_sampler._sources import ParquetSource, source
from plurel_sampler.errors import BuildError
from plurel_sampler.records import Embedder, Table, Task
from plurel_sampler.stores import Store

Moment: TypeAlias = datetime | np.datetime64 | int
"""A moment: naive datetimes are UTC, integers microseconds since 1970."""


def build_store(
    out: str | Path,
    tables: Sequence[Table],
    tasks: Sequence[Task] = (),
    *,
    val_timestamp: Moment | None = None,
    test_timestamp: Moment | None = None,
    embedder: Embedder | None = None,
    on_unresolved: Literal["error", "null"] = "error",
    provenance: Mapping[str, Any] | None = None,
    progress: Callable[[str, float], None] | None = None,
    overwrite: bool = False,
) -> Store:
    """Packs tables and tasks into a store, which then exists whole or not at all.

    Args:
        out: The directory to make.
        tables: Tables; each is read twice, one without time that hangs on timed ones four times if
            ``val_timestamp`` is given.
        tasks: Tasks over them.
        val_timestamp: Statistics look at rows and cells that are known up to this moment (default: all).
        test_timestamp: Where the test split of columns begins.
        embedder: Makes the vectors of all strings; others can be added later.
        on_unresolved: What to do with foreign keys that point at no row: fail, or count them and store none.
        provenance: Kept in ``store.json``; anything that is JSON.
        progress: Called with what is being done and the share of the work that is behind.
        overwrite: Replace a store that lies at ``out``.

    Raises:
        BuildError: Tables, tasks and options contradict each other; its subclasses tell keys, values and
            limits.
        StoreExistsError: Something lies at ``out`` already.
        StoreIOError: The operating system refused to write.

    Example:
        >>> import pyarrow as pa, tempfile
        >>> users = pa.table({"id": [7, 9], "age": [30.0, None]})
        >>> orders = pa.table({"user": [9, 9, 7], "amount": [1.0, 2.0, 4.0]})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = build_store(f"{folder}/shop", [
        ...         Table("users", users, primary_key="id"),
        ...         Table("orders", orders, foreign_keys={"user": "users"}),
        ...     ])
        ...     store.num_rows, store.num_cells, store.parent_ids("orders", "user").tolist()
        (5, 5, [1, 1, 0])
    """
    check("out", out, str | os.PathLike, BuildError)
    check("tables", tables, Sequence[Table], BuildError)
    check("tasks", tasks, Sequence[Task], BuildError)
    check("on_unresolved", on_unresolved, Literal["error", "null"], BuildError)
    check("progress", progress, Callable | None, BuildError)
    try:
        document = json.dumps({} if provenance is None else provenance, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BuildError(f"the provenance is no JSON: {error}") from error
    packed = [_native_table(table) for table in tables], [_native_task(task) for task in tasks]
    try:
        native = _native.build_store(
            Path(out),
            *packed,
            val_timestamp=microseconds(val_timestamp),
            test_timestamp=microseconds(test_timestamp),
            embedder=embedder,
            on_unresolved=on_unresolved,
            provenance=document,
            progress=progress,
            overwrite=overwrite,
        )
    except BuildError:
        sources = [table.source for table in packed[0]]
        sources += [each for task in packed[1] for each in task.sources.values()]
        for each in sources:
            if isinstance(each, ParquetSource) and each.failure is not None:
                raise each.failure from None
        raise
    return Store(native, Path(out))


def microseconds(moment: Moment | None) -> int | None:
    """A moment as microseconds since 1970, UTC."""
    if moment is None:
        return None
    if isinstance(moment, int) and not isinstance(moment, bool) and -(2**63) <= moment < 2**63:
        return moment
    if isinstance(moment, np.datetime64) and not np.isnat(moment):
        return int(moment.astype("datetime64[us]").astype(np.int64))
    if not isinstance(moment, datetime):
        raise BuildError(
            "a moment is a datetime, a numpy.datetime64 or 64 bits of microseconds since 1970, "
            f"got {moment!r}"
        )
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _native_table(table: Table) -> SimpleNamespace:
    return SimpleNamespace(
        name=table.name,
        source=source(table.name, table.data),
        primary_key=table.primary_key,
        time_column=table.time_column,
        foreign_keys=dict(table.foreign_keys),
        columns=dict(table.columns),
        missing_time=table.missing_time,
    )


def _native_task(task: Task) -> SimpleNamespace:
    if task.window is not None and task.known_at is not None:
        raise BuildError(
            f"task {task.name} has both a window and a known_at; its labels are known at one moment",
            table=task.name,
        )
    window = None if task.window is None else task.window // timedelta(microseconds=1)
    if window is not None and not 0 <= window < 2**62:
        raise BuildError(
            f"the window of task {task.name} is {task.window}; expected 0 to 140,000 years", table=task.name
        )
    return SimpleNamespace(
        name=task.name,
        entity_table=task.entity_table,
        entity_column=task.entity_column,
        time_column=task.time_column,
        target_column=task.target_column,
        task_type=task.task_type,
        sources={split: source(task.name, data) for split, data in task.splits.items()},
        window_microseconds=window,
        known_at=task.known_at,
        hidden_columns=list(task.hidden_columns),
    )
