"""`plurel preprocess`: RelBench directories into stores. Loaded by core's ledger only.

Core says what a directory holds, what its columns are and when they are known; `build_store` does the
packing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, cast, get_args

from cyclopts import App, Parameter

from plurel.cli.output import Reporter, reporter
from plurel.columns import infer_encodings
from plurel.errors import RequestError
from plurel.plugins import get_ledger, provenance
from plurel.relbench_io import DatabaseDirectory, TaskDirectory, read_directory, read_origin
from plurel_sampler import Column, Store, StoreExistsError, Table, Task, build_store
from plurel_sampler.records import Split, TaskType

app = App(name="preprocess", help="Pack RelBench directories into stores that models are fed from.")


@app.default
def preprocess(
    *databases: Path,
    out: Path,
    embedder: str = "hashed",
    task: Annotated[list[str] | None, Parameter(negative="")] = None,
    on_unresolved: Literal["error", "null"] = "error",
    overwrite: bool = False,
    json: bool = False,
) -> None:
    """Pack RelBench directories into stores, one a database, at OUT/<name of the database>.

    Parameters
    ----------
    databases
        RelBench directories.
    out
        Where the stores go.
    embedder
        What makes the vectors of texts; `plurel plugins list --kind embedders` shows them.
    task
        Pack this task only; may be given several times. All tasks by default.
    on_unresolved
        What to do with foreign keys that point at no row: fail, or count them and store none.
    overwrite
        Replace stores that are there already.
    json
        Print one JSON document.
    """
    if not databases:
        raise RequestError("no database was named; expected the path of at least one RelBench directory")
    say = reporter(json=json)
    directories = [read_directory(path) for path in databases]
    twice = [
        name for name, count in Counter(directory.name for directory in directories).items() if count > 1
    ]
    if twice:
        raise RequestError(
            f"several databases are called {', '.join(twice)}; pack them into different directories"
        )
    documents = []
    for directory in directories:
        with say.progress(f"packing {directory.name}", total=100) as bar:

            def advance(words: str, share: float, of: str = directory.name) -> None:
                bar.advance(round(100 * share) - bar.done, f"{of}: {words}")

            store = pack(
                directory,
                out / directory.name,
                embedder=embedder,
                tasks=task,
                on_unresolved=on_unresolved,
                overwrite=overwrite,
                progress=advance,
            )
            bar.advance(100 - bar.done)
        documents.append(_document(store, directory))
        _say(say, store, directory)
    say.emit({"stores": documents})


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


def _document(store: Store, directory: DatabaseDirectory) -> dict[str, Any]:
    return {
        "name": directory.name,
        "path": str(store.path),
        "rows": store.num_rows,
        "cells": store.num_cells,
        "tables": {name: table.rows for name, table in store.tables.items() if not table.is_task},
        "tasks": {
            name: {split: last - first for split, (first, last) in task.splits.items()}
            for name, task in store.tasks.items()
        },
        "tasks_left_out": sorted({*directory.tasks, *directory.other_tasks} - {*store.tasks}),
        "embeddings": store.info["embeddings"],
        "report": store.info["report"],
    }


def _say(say: Reporter, store: Store, directory: DatabaseDirectory) -> None:
    say.table(
        f"{directory.name} in {store.path}: {store.num_rows:,} rows, {store.num_cells:,} cells",
        ["table", "rows", "columns", "keys", "known"],
        [
            (
                name,
                f"{table.rows:,}",
                ", ".join(f"{count} {encoding}" for encoding, count in _encodings(table.columns.values())),
                ", ".join(f"{key} -> {parent}" for key, parent in table.foreign_keys.items()),
                f"by {table.time_column}" if table.time_column else "with its parents",
            )
            for name, table in store.tables.items()
            if not table.is_task
        ],
    )
    for name, task in store.tasks.items():
        rows = ", ".join(f"{last - first:,} {split}" for split, (first, last) in task.splits.items())
        say.result(f"task {name}: {task.task_type} of {task.entity_table}, {rows}")
    for unresolved in store.info["report"]["unresolved_keys"]:
        say.result(
            f"{unresolved['count']:,} keys {unresolved['table']}.{unresolved['column']} point at no row of "
            f"{unresolved['parent']} and are stored as none"
        )
    left_out = sorted({*directory.tasks, *directory.other_tasks} - {*store.tasks})
    if left_out:
        say.result(f"tasks left out: {', '.join(left_out)}")


def _encodings(columns: Collection[Any]) -> list[tuple[str, int]]:
    return Counter(column.encoding for column in columns).most_common()
