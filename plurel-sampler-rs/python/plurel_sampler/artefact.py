"""Stores as artefacts: what `plurel inspect` and `plurel validate` say of one. Loaded by core's ledger only.

Not here: the checks themselves (`plurel_sampler.verifying`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from plurel.artefacts import Contents, Listing
from plurel.errors import DatabaseError
from plurel.plugins.requests import ArtefactRequest
from plurel.validate import Breach
from plurel_sampler.errors import StoreError
from plurel_sampler.stores import ColumnInfo, Store, TableInfo, TaskInfo
from plurel_sampler.verifying import verify_store

SPLITS = ("train", "val", "test")
_PLACE = re.compile(r" \((?:file|table|column|row|byte) ")
"""Where a message of the store begins to say its place, which breaches say apart."""


class StoreArtefact:
    """Reads and checks stores."""

    def inspect(self, request: ArtefactRequest) -> Contents:
        """What a store holds.

        Raises:
            StoreError: it cannot be opened.
        """
        store = Store.open(request.path)
        info = store.info
        tables = {name: table for name, table in store.tables.items() if not table.is_task}
        cuts = {name: _moment(info[name]) for name in ("val_timestamp", "test_timestamp")}
        source = _mapping(info["provenance"])
        return Contents(
            summary=f"{len(tables)} tables, {len(store.tasks)} tasks, {store.num_rows:,} rows with those of "
            f"tasks, {store.num_cells:,} cells, {info['num_strings']:,} strings; validation from "
            f"{cuts['val_timestamp'] or 'nowhere'}, test from {cuts['test_timestamp'] or 'nowhere'}",
            facts={
                "format_version": info["version"],
                **cuts,
                "rows": store.num_rows,
                "cells": store.num_cells,
                "links": info["num_edges"],
                "strings": info["num_strings"],
                "tables": {name: _table(table) for name, table in tables.items()},
                "tasks": {name: _task(task) for name, task in store.tasks.items()},
                "embeddings": info["embeddings"],
                "report": info["report"],
                "origin": _origin(source),
            },
            listings=list(_listings(store, tables)),
            contributions=list(_contributions(source, request.path)),
        )

    def validate(self, request: ArtefactRequest) -> Sequence[Breach]:
        """All damage of a store, by file and place."""
        return [_breach(error, request.path) for error in verify_store(request.path)]


def _table(table: TableInfo) -> dict[str, Any]:
    return {
        "rows": table.rows,
        "primary_key": table.primary_key,
        "time_column": table.time_column,
        "foreign_keys": dict(table.foreign_keys),
        "columns": {
            name: {
                "encoding": column.encoding,
                "known_at": column.known_at,
                "mean": column.mean,
                "std": column.std,
                "count": column.count,
                "constant": column.constant,
            }
            for name, column in table.columns.items()
        },
    }


def _task(task: TaskInfo) -> dict[str, Any]:
    return {
        "task_type": task.task_type,
        "entity_table": task.entity_table,
        "entity_col": task.entity_column,
        "target_col": task.target_column,
        "time_col": task.time_column,
        "label_known": dict(task.label_known),
        "hidden": list(task.hidden_columns),
        "rows": _rows(task),
    }


def _rows(task: TaskInfo) -> dict[str, int]:
    return {str(split): last - first for split, (first, last) in task.splits.items()}


def _listings(store: Store, tables: Mapping[str, TableInfo]) -> Iterator[Listing]:
    yield Listing(
        title="tables",
        columns=["table", "rows", "primary key", "time", "foreign keys"],
        rows=[
            (
                name,
                f"{table.rows:,}",
                table.primary_key,
                table.time_column,
                ", ".join(f"{key} -> {parent}" for key, parent in table.foreign_keys.items()),
            )
            for name, table in tables.items()
        ],
    )
    yield Listing(
        title="columns",
        columns=["table", "column", "encoding", "mean", "std", "known"],
        rows=[
            (name, column.name, column.encoding, *_statistics(column), column.known_at)
            for name, table in tables.items()
            for column in table.columns.values()
        ],
    )
    if store.tasks:
        yield Listing(
            title="tasks",
            columns=["task", "type", "target", *SPLITS],
            rows=[
                (
                    name,
                    task.task_type,
                    f"{task.entity_table}.{task.target_column}",
                    *(f"{rows[split]:,}" if split in rows else None for split in SPLITS),
                )
                for name, task in store.tasks.items()
                for rows in (_rows(task),)
            ],
        )
    yield Listing(
        title="text vectors",
        columns=["embedder", "width", "fingerprint"],
        rows=[
            (name, vectors["width"], vectors["fingerprint"])
            for name, vectors in store.info["embeddings"].items()
        ],
    )


def _statistics(column: ColumnInfo) -> tuple[str | None, str | None]:
    """Mean and deviation in units that people read; categories and texts have none."""
    if column.encoding in ("category", "text"):
        return None, None
    if column.encoding == "datetime":
        return _moment(round(column.mean)), f"{column.std / 86_400e6:.4g} days"
    return f"{column.mean:.4g}", f"{column.std:.4g}"


def _moment(microseconds: int | None) -> str | None:
    """A moment in ISO 8601, None where there is none."""
    if microseconds is None:
        return None
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    except OverflowError:
        return f"{microseconds} microseconds since 1970"
    return moment.replace(tzinfo=None).isoformat(sep=" ")


def _mapping(value: Any) -> Mapping[str, Any]:
    """Provenance is whatever a build was given; only that of `plurel preprocess` is known to have names."""
    return value if isinstance(value, Mapping) else {}


def _contributions(provenance: Mapping[str, Any], path: Path) -> Iterator[Mapping[str, Any]]:
    """What made the vectors, then what made the database."""
    for origin in (provenance, _mapping(provenance.get("source"))):
        recorded = origin.get("contributions", [])
        if not isinstance(recorded, list):
            raise DatabaseError(f"{path}: contributions must be a list, got {recorded!r}")
        yield from recorded


def _origin(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Where the rows came from, without what is told elsewhere or long."""
    told = {name: value for name, value in provenance.items() if name not in ("contributions", "source")}
    source = _mapping(provenance.get("source"))
    long = ("contributions", "schema", "columns", "causal_graph")
    return told | {"source": {name: value for name, value in source.items() if name not in long} or None}


def _breach(error: StoreError, path: Path) -> Breach:
    """The store's own error as a breach: the place in front, the message without it."""
    file = Path(error.file).name if error.file else path.name
    at = {"table": error.table, "column": error.column, "row": error.row, "byte": error.offset}
    places = [file, *(f"{name} {value}" for name, value in at.items() if value is not None)]
    message = _PLACE.split(str(error), maxsplit=1)[0]
    return Breach("store", ", ".join(places), message)
