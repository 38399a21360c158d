"""Reading what a RelBench directory says of itself, from its YAML files alone.

Contents are taken at their word: checking them is `plurel.validate`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml

from plurel.errors import DatabaseError, RequestError
from plurel.plugins.records import ENCODINGS, Encoding
from plurel.relbench_io.directory import (
    KINDS,
    MISSING_TIME_KEY,
    SPLITS,
    TASKS_KEY,
    DatabaseDirectory,
    MissingTime,
    TableDirectory,
    TaskDirectory,
)
from plurel.relbench_io.moments import microseconds
from plurel.tasks import TaskKind

_LONGEST_NAME = 200

logger = logging.getLogger(__name__)


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
    notes_file = root / "columns.yaml"
    notes = read_yaml(notes_file) if notes_file.is_file() else {}
    tables = {
        name: _table(
            root,
            name,
            _mapping(spec, f"{file}: tables.{name}"),
            _mapping(notes.get(name), f"{notes_file}: {name}"),
        )
        for name, spec in _mapping(manifest.get("tables"), f"{file}: tables").items()
    }
    task_notes = _mapping(notes.get(TASKS_KEY), f"{notes_file}: {TASKS_KEY}")
    tasks: dict[str, TaskDirectory] = {}
    others: list[str] = []
    for folder in sorted({labels.parent for labels in root.glob("tasks/*/*.parquet")}):
        if not (folder / "manifest.yaml").is_file():
            logger.warning("%s has labels but no manifest.yaml; this task is left out", folder)
    for task_file in sorted(root.glob("tasks/*/manifest.yaml")):
        name = task_file.parent.name
        spec = read_yaml(task_file)
        if spec.get("task_type") == "recommendation":
            others.append(name)
            continue
        where = f"{notes_file}: {TASKS_KEY}.{name}"
        tasks[name] = _task(task_file, spec, _mapping(task_notes.get(name), where), where, tables)
    name = _name(manifest, "name", str(file)) or root.resolve().name
    if not is_file_name(name):
        raise DatabaseError(f"{file}: name must be able to name a directory, got {name!r}")
    return DatabaseDirectory(
        path=root,
        name=name,
        val_timestamp=val,
        test_timestamp=test,
        description=_name(manifest, "description", str(file)),
        tables=tables,
        tasks=tasks,
        other_tasks=tuple(others),
    )


def read_yaml(file: Path) -> dict[str, Any]:
    """A YAML file whose document is a mapping of names.

    Raises:
        DatabaseError: where it is not there, or is not such a file.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DatabaseError(f"{file} is missing") from error
    except OSError as error:
        raise DatabaseError(f"{file} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise DatabaseError(f"{file} is not YAML: {error}") from error
    except RecursionError as error:
        raise DatabaseError(f"{file} is not YAML that anyone reads: it is nested too deeply") from error
    return _mapping(content, str(file))


def is_file_name(name: str) -> bool:
    """Whether a name stays in the folder that it is put into, on every system.

    Example:
        >>> is_file_name("rel-f1"), is_file_name("../rel-f1"), is_file_name("")
        (True, False, False)
    """
    plain = name.isprintable() and not any(letter in name for letter in "/\\:")
    return plain and name not in ("", ".", "..") and len(name.encode()) <= _LONGEST_NAME


def _mapping(value: Any, where: str) -> dict[str, Any]:
    """A mapping of names; what is absent is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise DatabaseError(f"{where} must hold a mapping of names, got {value!r}")
    return value


def _name(spec: Mapping[str, Any], key: str, where: str) -> str | None:
    """A string, or None where it is absent."""
    value = spec.get(key)
    if value is not None and not isinstance(value, str):
        raise DatabaseError(f"{where}: {key} must be a string, got {value!r}")
    return value


def _needed(spec: Mapping[str, Any], key: str, where: str) -> str:
    value = _name(spec, key, where)
    if value is None:
        raise DatabaseError(f"{where}: {key} is missing")
    return value


def _moment(manifest: Mapping[str, Any], key: str, file: Path) -> int:
    try:
        return microseconds(manifest.get(key))
    except ValueError as error:
        raise DatabaseError(f"{file}: {key}: {error}") from error


def _table(root: Path, name: str, spec: Mapping[str, Any], notes: Mapping[str, Any]) -> TableDirectory:
    where, where_notes = f"{root / 'manifest.yaml'}: tables.{name}", f"{root / 'columns.yaml'}: {name}"
    if not is_file_name(name):
        raise DatabaseError(f"{where}: a table must be able to name a file, got {name!r}")
    known_at: dict[str, str] = {}
    encodings: dict[str, Encoding] = {}
    missing_time = "never"
    for column, note in notes.items():
        if column == MISSING_TIME_KEY and isinstance(note, str):
            missing_time = note
            continue
        entry = _mapping(note, f"{where_notes}.{column}")
        moment = _name(entry, "known_at", f"{where_notes}.{column}")
        encoding = _name(entry, "encoding", f"{where_notes}.{column}")
        if moment is not None:
            known_at[column] = moment
        if encoding is not None:
            encodings[column] = cast(Encoding, encoding)
            _one_of(encoding, ENCODINGS, f"{where_notes}.{column}: encoding")
    _one_of(missing_time, ("never", "always"), f"{where_notes}: {MISSING_TIME_KEY}")
    links = _mapping(spec.get("fkeys"), f"{where}.fkeys")
    return TableDirectory(
        name=name,
        file=root / "db" / f"{name}.parquet",
        primary_key=_name(spec, "pkey", where),
        time_column=_name(spec, "time_col", where),
        foreign_keys={column: _needed(links, column, f"{where}.fkeys") for column in links},
        known_at=known_at,
        encodings=encodings,
        missing_time=cast(MissingTime, missing_time),
    )


def _one_of(value: str, known: tuple[str, ...], what: str) -> None:
    if value not in known:
        raise DatabaseError(f"{what} must be one of {', '.join(known)}, got {value!r}")


def _task(
    file: Path,
    spec: Mapping[str, Any],
    notes: Mapping[str, Any],
    where_notes: str,
    tables: Mapping[str, TableDirectory],
) -> TaskDirectory:
    where = str(file)
    kind = _needed(spec, "kind", where)
    _one_of(kind, KINDS, f"{where}: kind")
    entity = tables.get(_needed(spec, "entity_table", where))
    if entity is None:
        raise DatabaseError(
            f"{where}: entity_table names no table of this database: {spec['entity_table']!r}; "
            f"tables: {', '.join(tables)}"
        )
    entity_col, time_col = _name(spec, "entity_col", where), _name(spec, "time_col", where)
    target = _needed(spec, "target_col", where)
    known_at = _name(notes, "known_at", where_notes)
    hidden = dict.fromkeys([*_removed(spec, entity.name, where), *_hidden(notes, where_notes)])
    if kind == "autocomplete":
        entity_col = entity_col or entity.primary_key or "primary_key"
        time_col = time_col or entity.time_column
        known_at = known_at or entity.known_at.get(target)
        hidden = {target: None} | hidden
    return TaskDirectory(
        name=file.parent.name,
        kind=cast(TaskKind, kind),
        task_type=_needed(spec, "task_type", where),
        entity_table=entity.name,
        entity_col=entity_col or _needed(spec, "entity_col", where),
        target_col=target,
        time_col=time_col,
        timedelta=_window(file, _name(spec, "timedelta", where)),
        files={split: path for split in SPLITS if (path := file.parent / f"{split}.parquet").is_file()},
        known_at=known_at,
        hidden=tuple(hidden),
    )


def _removed(spec: Mapping[str, Any], table: str, where: str) -> list[str]:
    """Columns of a table that RelBench removes for the task."""
    pairs = spec.get("remove_columns") or []
    if not isinstance(pairs, list) or not all(_is_names(pair) and len(pair) == 2 for pair in pairs):
        raise DatabaseError(f"{where}: remove_columns must hold pairs of table and column, got {pairs!r}")
    return [column for name, column in pairs if name == table]


def _hidden(notes: Mapping[str, Any], where: str) -> list[str]:
    hidden = notes.get("hidden") or []
    if not _is_names(hidden):
        raise DatabaseError(f"{where}: hidden must be a list of columns, got {hidden!r}")
    return list(hidden)


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _window(file: Path, text: str | None) -> int | None:
    if text is None:
        return None
    # Only forecasts have a window, and only pandas knows all the ways in which RelBench lets it be written.
    import pandas as pd

    try:
        return int(pd.Timedelta(text) // pd.Timedelta(microseconds=1))
    except ValueError as error:
        raise DatabaseError(f"{file}: timedelta: {error}") from error
