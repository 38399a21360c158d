"""Checks of `columns.yaml`: when columns and labels are known, and how columns are encoded."""

from __future__ import annotations

from typing import Any

from plurel.errors import DatabaseError
from plurel.plugins.records import ENCODINGS
from plurel.relbench_io.directory import MISSING_TIME_KEY, TASKS_KEY
from plurel.relbench_io.read import read_yaml
from plurel.validate.breaches import Breaches
from plurel.validate.database import Database, Table, is_naive_timestamp

FILE = "columns.yaml"
_COLUMN_KEYS = frozenset({"known_at", "encoding"})
_TASK_KEYS = frozenset({"known_at", "hidden"})


def check_availability(database: Database, breaches: Breaches) -> None:
    """Note every breach in `columns.yaml`, where there is one."""
    file = database.root / FILE
    if not file.is_file():
        return
    try:
        notes = read_yaml(file)
    except DatabaseError as error:
        breaches.add("columns.yaml", FILE, str(error))
        return
    for name, note in notes.items():
        where = f"{FILE}, {name}"
        if not isinstance(note, dict):
            breaches.add("columns.yaml", where, f"expected a mapping of names, got {note!r}")
        elif name == TASKS_KEY:
            _check_tasks(database, note, breaches)
        elif name not in database.tables:
            breaches.add("columns.yaml", where, "is no table of the manifest")
        else:
            _check_columns(database.tables[name], note, breaches)


def _check_columns(table: Table, notes: dict[str, Any], breaches: Breaches) -> None:
    for column, note in notes.items():
        where = f"{FILE}, {table.name}.{column}"
        if column == MISSING_TIME_KEY and isinstance(note, str):
            if note not in ("never", "always"):
                breaches.add("columns.yaml", where, f"must be never or always, got {note!r}")
            continue
        if not isinstance(note, dict):
            breaches.add("columns.yaml", where, f"expected known_at or encoding, got {note!r}")
            continue
        breaches.unknown_keys("columns.yaml", where, note, _COLUMN_KEYS)
        if table.schema is not None and table.type(column) is None:
            breaches.add("columns.yaml", where, f"{table.place()} has no such column")
        elif column in table.keys - {table.time_column}:
            breaches.add("columns.yaml", where, "is a key; keys are links between rows and have no cells")
        if "known_at" in note:
            _check_known_at(table, note["known_at"], where, breaches)
        if "encoding" in note and note["encoding"] not in ENCODINGS:
            breaches.add(
                "columns.yaml",
                where,
                f"encoding must be one of {', '.join(ENCODINGS)}, got {note['encoding']!r}",
            )


def _check_known_at(table: Table, name: Any, where: str, breaches: Breaches) -> None:
    if table.schema is not None and not is_naive_timestamp(table.type(str(name))):
        breaches.add(
            "columns.yaml", where, f"known_at must name a timestamp column of {table.name!r}, got {name!r}"
        )


def _check_tasks(database: Database, notes: dict[str, Any], breaches: Breaches) -> None:
    for task, note in notes.items():
        where = f"{FILE}, {TASKS_KEY}.{task}"
        file = database.root / "tasks" / str(task) / "manifest.yaml"
        if not file.is_file():
            breaches.add("columns.yaml", where, "is no task of this database")
            continue
        if not isinstance(note, dict):
            breaches.add("columns.yaml", where, f"expected known_at or hidden, got {note!r}")
            continue
        breaches.unknown_keys("columns.yaml", where, note, _TASK_KEYS)
        try:
            entity = database.tables.get(str(read_yaml(file).get("entity_table")))
        except DatabaseError:
            continue
        if entity is None or entity.schema is None:
            continue
        if note.get("known_at") is not None:
            _check_known_at(entity, note["known_at"], where, breaches)
        hidden = note.get("hidden") or []
        if not isinstance(hidden, list):
            breaches.add("columns.yaml", where, f"hidden must be a list of columns, got {hidden!r}")
            continue
        unknown = [name for name in hidden if entity.type(str(name)) is None]
        if unknown:
            breaches.add(
                "columns.yaml",
                where,
                f"hidden names no columns of {entity.name!r}: {', '.join(map(str, unknown))}",
            )
