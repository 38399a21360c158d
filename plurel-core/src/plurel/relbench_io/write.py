"""Writing a RelBench directory: whole or not at all, the same content as the same bytes.

Not here: what the columns hold. Keys and times are brought into the contract's dtypes; everything else is
written as it comes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from plurel.errors import DatabaseError
from plurel.pieces import pieces_of
from plurel.places import draft, refuse_taken, settle, sync
from plurel.relbench_io.directory import SPLITS, TASKS_KEY
from plurel.relbench_io.frames import keyed, write_parquet
from plurel.relbench_io.manifests import dataset_manifest, task_manifest, write_text
from plurel.relbench_io.moments import iso, microseconds
from plurel.relbench_io.origin import DIGESTS, ORIGIN, digests

if TYPE_CHECKING:
    import datetime as dt

    import pandas as pd

    from plurel.pieces import Pieces
    from plurel.schema import Schema
    from plurel.tasks import TaskDefinition

_DAY = 86_400_000_000
_RESERVED = frozenset({"timestamps", TASKS_KEY})


def write_directory(
    out: str | Path,
    *,
    name: str,
    tables: Mapping[str, pd.DataFrame | Pieces],
    schema: Schema,
    val_timestamp: int | dt.datetime,
    test_timestamp: int | dt.datetime,
    tasks: Sequence[TaskDefinition] = (),
    columns: Mapping[str, Mapping[str, Any]] | None = None,
    extra: Mapping[str, Any] | None = None,
    description: str | None = None,
) -> Path:
    """Write a database with its tasks as a directory that RelBench 1.x, 2.x and 3.x read.

    Args:
        out: the directory to make.
        name: the database's name.
        tables: the rows of each table of the schema, whole or in pieces, which never lie in memory together.
        schema: keys and times of the tables; their features are taken from the frames.
        val_timestamp: start of validation at a midnight; microseconds since 1970, or a moment without zone.
        test_timestamp: start of test, likewise.
        tasks: tasks with their labels.
        columns: content of `columns.yaml` for tables: `{table: {column: {known_at: ..., encoding: ...}}}`;
            what it says of tasks comes from `tasks`.
        extra: content of `plurel.json` (where the database comes from), or None for no such file; the
            name and the checksum of every other file are added.
        description: a line for the manifest.

    Returns:
        `out` as a path.

    Raises:
        RequestError: where `out` is already there.
        DatabaseError: where the tables cannot keep the contract; the message names table and column.
    """
    target = Path(out)
    refuse_taken(target)
    for table in schema:
        if table.name.lower() in _RESERVED:
            raise DatabaseError(f"a table must not be named {table.name!r}: the name is reserved")
    with draft(target) as scratch:
        _write(scratch, name, tables, schema, val_timestamp, test_timestamp, tasks, description)
        notes = _notes(columns or {}, tasks)
        if notes:
            text = yaml.safe_dump(notes, sort_keys=False, allow_unicode=True)
            write_text(scratch / "columns.yaml", text)
        if extra is not None:
            said = {**extra, "name": name, DIGESTS: digests(scratch)}
            text = json.dumps(said, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
            write_text(scratch / ORIGIN, text)
        _sync(scratch)
        settle(scratch, target)
    return target


def _write(
    root: Path,
    name: str,
    tables: Mapping[str, pd.DataFrame | Pieces],
    schema: Schema,
    val_timestamp: int | dt.datetime,
    test_timestamp: int | dt.datetime,
    tasks: Sequence[TaskDefinition],
    description: str | None,
) -> None:
    _check_tables(tables, schema)
    (root / "db").mkdir(parents=True)
    for table in schema:
        parents = {key.column: key.parent for key in table.foreign_keys}
        pieces = keyed(
            pieces_of(tables[table.name]),
            where=table.name,
            primary_key=table.primary_key,
            foreign_keys={column: len(tables[parent]) for column, parent in parents.items()},
            time_column=table.time_column,
            order=[table.time_column] if table.time_column and table.primary_key else (),
        )
        write_parquet(
            pieces,
            root / "db" / f"{table.name}.parquet",
            primary_key=table.primary_key,
            foreign_keys=parents,
            time_column=table.time_column,
        )
    val, test = _date(val_timestamp, "val_timestamp"), _date(test_timestamp, "test_timestamp")
    write_text(root / "manifest.yaml", dataset_manifest(name, val, test, schema, description))
    for task in tasks:
        _write_task(root / "tasks" / task.name, task, len(tables[task.entity_table]))


def _check_tables(tables: Mapping[str, object], schema: Schema) -> None:
    declared = {table.name for table in schema}
    if declared != set(tables):
        raise DatabaseError(
            f"the schema's tables and the frames differ: only one of them has "
            f"{', '.join(sorted(declared ^ set(tables)))}"
        )
    for table in schema:
        for key in table.foreign_keys:
            if key.parent not in declared:
                raise DatabaseError(f"{table.name}.{key.column} points at an unknown table {key.parent!r}")
            if schema[key.parent].primary_key is None:
                raise DatabaseError(
                    f"{table.name}.{key.column} points at {key.parent!r}, which has no primary key"
                )


def _date(value: int | dt.datetime, what: str) -> str:
    moment = microseconds(value)
    if moment % _DAY:
        raise DatabaseError(
            f"{what} must be a midnight, because manifests hold bare dates; got {iso(moment)}"
        )
    return iso(moment)


def _write_task(folder: Path, task: TaskDefinition, entities: int) -> None:
    folder.mkdir(parents=True)
    write_text(folder / "manifest.yaml", task_manifest(task))
    for split in SPLITS:
        where = f"task {task.name}, {split}"
        write_parquet(
            _labels(task, split, where, entities),
            folder / f"{split}.parquet",
            primary_key=None,
            foreign_keys={task.entity_col: task.entity_table},
            time_column=task.time_col,
        )


def _labels(task: TaskDefinition, split: str, where: str, entities: int) -> Iterator[pd.DataFrame]:
    """The pieces of a split, sorted by time, then entity; what comes in pieces must be so already."""
    import pandas as pd

    order = [task.time_col, task.entity_col]
    labels = task.splits[split]
    pieces = [labels.sort_values(order, kind="stable")] if isinstance(labels, pd.DataFrame) else labels
    told = keyed(
        (piece for piece in pieces if len(piece)),
        where=where,
        primary_key=None,
        foreign_keys={task.entity_col: entities},
        time_column=task.time_col,
        order=order,
    )
    rows = 0
    for frame in told:
        # A label always names its entity: int64, as RelBench's own regeneration gives it.
        frame[task.entity_col] = frame[task.entity_col].astype("int64")
        rows += len(frame)
        yield frame
    if not rows:
        raise DatabaseError(f"{where} has no rows")


def _notes(columns: Mapping[str, Mapping[str, Any]], tasks: Sequence[TaskDefinition]) -> dict[str, Any]:
    if TASKS_KEY in columns:
        raise DatabaseError(f"columns.yaml: {TASKS_KEY!r} is filled from the tasks, not by hand")
    notes: dict[str, Any] = {
        table: {name: dict(note) if isinstance(note, Mapping) else note for name, note in entries.items()}
        for table, entries in columns.items()
        if entries
    }
    of_tasks: dict[str, Any] = {}
    for task in tasks:
        entry: dict[str, Any] = {}
        if task.known_at is not None:
            entry["known_at"] = task.known_at
        if task.hidden:
            entry["hidden"] = list(task.hidden)
        if entry:
            of_tasks[task.name] = entry
    if of_tasks:
        notes[TASKS_KEY] = of_tasks
    return notes


def _sync(root: Path) -> None:
    """Bring a tree to the disk before it gets its name."""
    for folder, _, files in os.walk(root):
        for file in files:
            sync(Path(folder) / file)
        sync(Path(folder))
