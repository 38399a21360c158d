"""What a RelBench directory says of itself: tables, keys, times, tasks, and when columns are known.

`read_directory` reads manifests only. Rows stay on disk, and contents are taken at their word: checking
them is `plurel.validate`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, cast

import yaml
from attrs import frozen

from plurel.errors import DatabaseError, RequestError
from plurel.plugins.records import ENCODINGS, Encoding
from plurel.tasks import TaskKind

SPLITS = ("train", "val", "test")
TASKS_KEY = "tasks"
"""Key of `columns.yaml` under which tasks stand beside tables; no table may have this name."""
MISSING_TIME_KEY = "missing_time"
MissingTime = Literal["never", "always"]

_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - RelBench's times carry no zone
_MICROSECOND = dt.timedelta(microseconds=1)


@frozen(kw_only=True)
class TableDirectory:
    """A table of a directory.

    Attributes:
        name: its name.
        file: its Parquet file.
        primary_key: column that holds 0..n-1, or None.
        time_column: column of its rows' times, or None.
        foreign_keys: parent table of each foreign key column.
        known_at: for each column that is known later than its row, the time column that says when.
        encodings: encodings that `columns.yaml` states.
        missing_time: when a row without a time is shown.
    """

    name: str
    file: Path
    primary_key: str | None
    time_column: str | None
    foreign_keys: Mapping[str, str]
    known_at: Mapping[str, str]
    encodings: Mapping[str, Encoding]
    missing_time: MissingTime


@frozen(kw_only=True)
class TaskDirectory:
    """A task of a directory whose labels belong to rows of one table.

    Attributes:
        name: its folder's name.
        kind: how RelBench makes its labels.
        task_type: what is predicted, in RelBench's words.
        entity_table: the table whose rows are predicted.
        entity_col: column of the label files with the row of the entity table.
        target_col: column of the label files that is predicted.
        time_col: column of the label files with the cutoff, or None.
        timedelta: length of a forecast's window in microseconds, or None.
        files: Parquet file of each split that is there.
        known_at: time column of the entity table at which a label is known, or None: then at the end of
            its window, or without one at its cutoff.
        hidden: columns of the entity table that give the label away.
    """

    name: str
    kind: TaskKind
    task_type: str
    entity_table: str
    entity_col: str
    target_col: str
    time_col: str | None
    timedelta: int | None
    files: Mapping[str, Path]
    known_at: str | None
    hidden: tuple[str, ...]


@frozen(kw_only=True)
class DatabaseDirectory:
    """A RelBench directory.

    Attributes:
        path: the directory.
        name: the database's name.
        val_timestamp: start of validation, microseconds since 1970.
        test_timestamp: start of test, microseconds since 1970.
        description: what the manifest says of it, or None.
        tables: its tables by name, in the manifest's order.
        tasks: its tasks by name, sorted.
        other_tasks: names of tasks whose labels are not cells of one table's rows (recommendation).
    """

    path: Path
    name: str
    val_timestamp: int
    test_timestamp: int
    description: str | None
    tables: Mapping[str, TableDirectory]
    tasks: Mapping[str, TaskDirectory]
    other_tasks: tuple[str, ...]


def microseconds(value: object) -> int:
    """Microseconds since 1970 of a moment without a zone.

    Args:
        value: a `date`, a `datetime` without a zone (a pandas timestamp is one), an ISO 8601 string or a
            number of microseconds.

    Raises:
        ValueError: for anything else, or for a moment with a zone.

    Example:
        >>> microseconds("1970-01-02")
        86400000000
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value)
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime(value.year, value.month, value.day)  # noqa: DTZ001
    if not isinstance(value, dt.datetime) or value.tzinfo is not None:
        raise ValueError(f"expected a date without a zone, such as 2013-10-01, got {value!r}")
    return (value - _EPOCH) // _MICROSECOND


def iso(moment: int) -> str:
    """A moment in microseconds since 1970 as ISO 8601: a bare date at midnight.

    Example:
        >>> iso(86_400_000_000), iso(1)
        ('1970-01-02', '1970-01-01T00:00:00.000001')
    """
    value = _EPOCH + moment * _MICROSECOND
    return value.date().isoformat() if value.time() == dt.time() else value.isoformat()


def read_yaml(file: Path) -> dict[str, Any]:
    """A YAML file whose document is a mapping with names as keys.

    Raises:
        DatabaseError: where it is not there, or is not such a file.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DatabaseError(f"{file} is missing") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DatabaseError(f"{file} is not YAML: {error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise DatabaseError(f"{file} must hold a mapping of names")
    return content


def read_directory(path: str | Path) -> DatabaseDirectory:
    """Read the manifests of a RelBench 3 directory and its `columns.yaml`, where there is one.

    Args:
        path: the directory that holds `manifest.yaml`.

    Returns:
        What they say. An autocomplete task without `entity_col` and `time_col` gets its table's primary
        key and time column, and its label is known when its column is.

    Raises:
        RequestError: where there is no such directory, or no `manifest.yaml` in it.
        DatabaseError: where a file cannot be understood; the message names it.
    """
    root = Path(path)
    if not root.is_dir():
        raise RequestError(f"{root} is not a directory; expected a RelBench directory with a manifest.yaml")
    file = root / "manifest.yaml"
    if not file.is_file():
        raise RequestError(f"{root} is not a RelBench directory: it holds no manifest.yaml")
    manifest = read_yaml(file)
    val, test = (_moment(manifest, key, file) for key in ("val_timestamp", "test_timestamp"))
    availability = root / "columns.yaml"
    columns = read_yaml(availability) if availability.is_file() else {}
    task_notes = _mapping(columns.get(TASKS_KEY, {}), f"{availability}: {TASKS_KEY}")
    tables = {
        name: _table(root, name, _mapping(spec, f"{file}: tables.{name}"), columns.get(name, {}))
        for name, spec in _mapping(manifest.get("tables", {}), f"{file}: tables").items()
    }
    tasks: dict[str, TaskDirectory] = {}
    others: list[str] = []
    for task_file in sorted(root.glob("tasks/*/manifest.yaml")):
        name = task_file.parent.name
        spec = read_yaml(task_file)
        if spec.get("task_type") == "recommendation":
            others.append(name)
            continue
        notes = _mapping(task_notes.get(name, {}), f"{availability}: {TASKS_KEY}.{name}")
        tasks[name] = _task(task_file, spec, notes, tables)
    return DatabaseDirectory(
        path=root,
        name=str(manifest.get("name", root.name)),
        val_timestamp=val,
        test_timestamp=test,
        description=manifest.get("description"),
        tables=tables,
        tasks=tasks,
        other_tasks=tuple(others),
    )


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DatabaseError(f"{where} must be a mapping, got {value!r}")
    return value


def _moment(manifest: dict[str, Any], key: str, file: Path) -> int:
    try:
        return microseconds(manifest.get(key))
    except ValueError as error:
        raise DatabaseError(f"{file}: {key}: {error}") from error


def _table(root: Path, name: str, spec: dict[str, Any], notes: Any) -> TableDirectory:
    where = f"{root / 'columns.yaml'}: {name}"
    known_at: dict[str, str] = {}
    encodings: dict[str, Encoding] = {}
    missing_time = "never"
    for column, note in _mapping(notes, where).items():
        if column == MISSING_TIME_KEY and isinstance(note, str):
            missing_time = note
            continue
        entry = _mapping(note, f"{where}.{column}")
        if entry.get("known_at") is not None:
            known_at[column] = str(entry["known_at"])
        if entry.get("encoding") is not None:
            if entry["encoding"] not in ENCODINGS:
                raise DatabaseError(
                    f"{where}.{column}: encoding must be one of {', '.join(ENCODINGS)}, "
                    f"got {entry['encoding']!r}"
                )
            encodings[column] = entry["encoding"]
    if missing_time not in ("never", "always"):
        raise DatabaseError(f"{where}: {MISSING_TIME_KEY} must be never or always, got {missing_time!r}")
    return TableDirectory(
        name=name,
        file=root / "db" / f"{name}.parquet",
        primary_key=spec.get("pkey"),
        time_column=spec.get("time_col"),
        foreign_keys=dict(spec.get("fkeys") or {}),
        known_at=known_at,
        encodings=encodings,
        missing_time=cast(MissingTime, missing_time),
    )


def _task(
    file: Path, spec: dict[str, Any], notes: dict[str, Any], tables: Mapping[str, TableDirectory]
) -> TaskDirectory:
    autocomplete = spec.get("kind") == "autocomplete"
    entity = tables.get(str(spec.get("entity_table")))
    if entity is None:
        raise DatabaseError(
            f"{file}: entity_table names no table of this database: {spec.get('entity_table')!r}; "
            f"tables: {', '.join(tables)}"
        )
    filled = dict(spec)
    if autocomplete:
        filled["entity_col"] = spec.get("entity_col") or entity.primary_key or "primary_key"
        filled["time_col"] = spec.get("time_col") or entity.time_column
    for key in ("kind", "task_type", "entity_col", "target_col"):
        if not isinstance(filled.get(key), str):
            raise DatabaseError(f"{file}: {key} is missing")
    target = filled["target_col"]
    hidden = dict.fromkeys([target] if autocomplete else [])
    hidden |= dict.fromkeys(
        column for table, column in spec.get("remove_columns") or () if table == entity.name
    )
    hidden |= dict.fromkeys(notes.get("hidden") or ())
    return TaskDirectory(
        name=file.parent.name,
        kind=filled["kind"],
        task_type=filled["task_type"],
        entity_table=entity.name,
        entity_col=filled["entity_col"],
        target_col=target,
        time_col=filled.get("time_col"),
        timedelta=_window(file, spec.get("timedelta")),
        files={split: path for split in SPLITS if (path := file.parent / f"{split}.parquet").is_file()},
        known_at=notes.get("known_at") or (entity.known_at.get(target) if autocomplete else None),
        hidden=tuple(hidden),
    )


def _window(file: Path, text: str | None) -> int | None:
    if text is None:
        return None
    # Only forecasts have a window, and only pandas knows all the ways in which RelBench lets it be written.
    import pandas as pd

    try:
        return int(pd.Timedelta(text) // pd.Timedelta(microseconds=1))
    except ValueError as error:
        raise DatabaseError(f"{file}: timedelta: {error}") from error
