"""RelBench 3's manifests, byte for byte as its own writer has them, written without importing it.

`import relbench.manifest` brings scipy, scikit-learn and duckdb, almost two seconds of work in every process
that writes a database, for small YAML files. Not here: reading them (`plurel.relbench_io.read`).
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from plurel.errors import DatabaseError
from plurel.relbench_io.directory import KINDS, TASK_TYPES

if TYPE_CHECKING:
    from plurel.schema import Schema
    from plurel.tasks import TaskDefinition

_VERSION = 1
_WIDE = 4096
"""RelBench lets lines grow to this width before it breaks them."""
_DAY = 86_400_000_000


def dataset_manifest(name: str, val: str, test: str, schema: Schema, description: str | None) -> str:
    """The `manifest.yaml` of a database.

    Args:
        name: the database's name.
        val: start of validation, a bare date.
        test: start of test, a bare date.
        schema: its tables' keys and times.
        description: a line about it, or None.
    """
    document: dict[str, Any] = {"name": name, "manifest_version": _VERSION}
    if description:
        document["description"] = description
    document |= {"val_timestamp": val, "test_timestamp": test}
    document["tables"] = {
        table.name: {
            "pkey": table.primary_key,
            "time_col": table.time_column,
            "fkeys": {key.column: key.parent for key in table.foreign_keys},
        }
        for table in schema
    }
    return _text(document)


def task_manifest(task: TaskDefinition) -> str:
    """The `manifest.yaml` of a task.

    Raises:
        DatabaseError: where RelBench would not take the task.
    """
    _check(task)
    document: dict[str, Any] = {name: getattr(task, name) for name in ("name", "kind", "task_type")}
    document |= {name: getattr(task, name) for name in _COLUMNS}
    if task.timedelta is not None:
        days, rest = divmod(task.timedelta, _DAY)
        document["timedelta"] = f"{task.timedelta} microseconds" if rest else f"{days} days"
    removed = [[table, column] for table, names in task.remove_columns.items() for column in names]
    if removed:
        document["remove_columns"] = removed
    if task.sql is not None:
        document["sql"] = task.sql
    return _text({**document, "manifest_version": _VERSION})


_COLUMNS = ("entity_table", "entity_col", "target_col", "time_col")


def _check(task: TaskDefinition) -> None:
    for what, value, known in (("kind", task.kind, KINDS), ("task_type", task.task_type, TASK_TYPES)):
        if value not in known:
            raise DatabaseError(f"task {task.name}: {what} must be one of {', '.join(known)}, got {value!r}")
    needed = (*_COLUMNS, "timedelta", "sql") if task.kind == "forecast" else _COLUMNS
    missing = [name for name in needed if not getattr(task, name)]
    if missing:
        raise DatabaseError(f"task {task.name}: a task of kind {task.kind} needs {', '.join(missing)}")


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    if "\n" not in text:
        return dumper.represent_str(text)
    return dumper.represent_scalar("tag:yaml.org,2002:str", _block(text), style="|")


_Dumper.add_representer(str, _represent_text)


def _block(text: str) -> str:
    """A text as YAML can hold it in a block: no blank lines around it, no spaces at ends, no common indent.

    The first line stands where a literal's quotes open, so its indent is no part of the common one.
    """
    first, *others = [line.rstrip() for line in text.strip("\n").splitlines()] or [""]
    return "\n".join([first.lstrip(), *textwrap.dedent("\n".join(others)).splitlines()]).strip("\n")


def _text(document: Mapping[str, Any]) -> str:
    text: str = yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, default_flow_style=False, allow_unicode=True, width=_WIDE
    )
    return text


def write_text(file: Path, text: str) -> None:
    """Write a file of a directory: UTF-8 and bare line feeds, so that all systems write the same bytes."""
    file.write_text(text, encoding="utf-8", newline="\n")
