"""One RelBench directory into a store. Needs core of plurel, which the rest of this package does without.

Core says what a directory holds, what its columns are and when they are known; `build_store` does the
packing. Not here: the command line (`commands`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Literal, cast, get_args

from plurel.columns import infer_encodings
from plurel.errors import RequestError
from plurel.plugins import get_ledger, provenance
from plurel.relbench_io import DatabaseDirectory, TaskDirectory, read_origin
from plurel_sampler.building import build_store
from plurel_sampler.errors import StoreExistsError
from plurel_sampler.records import Column, Split, Table, Task, TaskType
from plurel_sampler.stores import Store


def pack(
    directory: DatabaseDirectory,
    out: Path,
    *,
    embedder: str = "hashed",
    tasks: Collection[str] | None = None,
    on_unresolved: Literal["error", "null"] = "error",
    overwrite: bool = False,
    progress: Callable[[str, float], None] | None = None,
) -> Store:
    """Packs one RelBench directory into a store at `out`.

    Args:
        directory: The database, as core's `read_directory` gives it.
        out: The store's directory.
        embedder: Name of the embedder contribution.
        tasks: Names of the tasks to pack; None: all that a store can hold.
        on_unresolved: What to do with foreign keys that point at no row.
        overwrite: Replace a store that is there already.
        progress: Called with what is being done and the share of the work that is behind.

    Raises:
        RequestError: A task is not there or of a type that stores do not hold, or `out` is taken.
        SamplerError: The data contradicts what the directory says.
    """
    ledger = get_ledger()
    chosen = _chosen(directory, tasks)
    entry = ledger.find("embedders", embedder)
    encodings = infer_encodings(directory, ledger)
    tables = [
        Table(
            name,
            table.file,
            primary_key=table.primary_key,
            time_column=table.time_column,
            foreign_keys=table.foreign_keys,
            columns={
                column: Column(encoding, table.known_at.get(column))
                for column, encoding in encodings[name].items()
            },
            missing_time=table.missing_time,
        )
        for name, table in directory.tables.items()
    ]
    try:
        return build_store(
            out,
            tables,
            [_task(task) for task in chosen],
            val_timestamp=directory.val_timestamp,
            test_timestamp=directory.test_timestamp,
            embedder=entry.build(),
            on_unresolved=on_unresolved,
            provenance={
                "database": directory.name,
                "contributions": provenance([entry]),
                "source": read_origin(directory.path),
            },
            progress=progress,
            overwrite=overwrite,
        )
    except StoreExistsError as error:
        raise RequestError(f"{error}; --overwrite replaces a store") from error


def _chosen(directory: DatabaseDirectory, names: Collection[str] | None) -> Sequence[TaskDirectory]:
    supported = get_args(TaskType)
    if names is None:
        return [task for task in directory.tasks.values() if task.task_type in supported]
    for name in names:
        if name not in directory.tasks:
            known = ", ".join(directory.tasks) or "none"
            raise RequestError(f"{directory.name} has no task {name!r}; its tasks are: {known}")
        found = directory.tasks[name].task_type
        if found not in supported:
            raise RequestError(f"task {name} is a {found}; stores hold: {', '.join(supported)}")
    return [directory.tasks[name] for name in names]


def _task(task: TaskDirectory) -> Task:
    window = (
        None
        if task.known_at is not None or task.timedelta is None
        else timedelta(microseconds=task.timedelta)
    )
    return Task(
        task.name,
        task.entity_table,
        task.entity_col,
        task.time_col,
        task.target_col,
        cast(TaskType, task.task_type),
        {cast(Split, split): path for split, path in task.files.items()},
        window=window,
        known_at=task.known_at,
        hidden_columns=task.hidden,
    )
