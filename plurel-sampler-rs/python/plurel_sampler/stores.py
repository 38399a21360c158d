"""Packed stores, opened: what they hold, and whole columns of them. Not here: building them (`building`)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from plurel_sampler._checks import check
from plurel_sampler._ready import _native
from plurel_sampler.errors import ContextError, StoreFormatError
from plurel_sampler.records import Embedder, Encoding, Split, TaskType

ALWAYS = -(2**63)
"""Known from the beginning (in :meth:`Store.known_times`)."""
NEVER = 2**63 - 1
"""Never known."""


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """A column of cells, with the statistics that standardised it, in raw units (datetimes: microseconds)."""

    name: str
    encoding: Encoding
    mean: float
    std: float
    count: int
    constant: bool
    known_at: str | None
    name_text: int


@dataclass(frozen=True, slots=True)
class TableInfo:
    """A table of a store. Its rows are the nodes ``first_node`` to ``first_node + rows``."""

    name: str
    rows: int
    first_node: int
    columns: Mapping[str, ColumnInfo]
    primary_key: str | None
    time_column: str | None
    foreign_keys: Mapping[str, str]
    is_task: bool


@dataclass(frozen=True, slots=True)
class TaskInfo:
    """A task of a store. ``splits`` are ranges of its label rows, which are the table of its name."""

    name: str
    task_type: TaskType
    entity_table: str
    entity_column: str
    time_column: str | None
    target_column: str
    splits: Mapping[Split, tuple[int, int]]
    hidden_columns: tuple[str, ...]
    label_known: Mapping[str, Any]


class Store:
    """A store on disk, memory-mapped. Made by `build_store` or :meth:`open`."""

    def __init__(self, native: _native.Store, path: Path) -> None:
        self._native = native
        self.path = path

    @classmethod
    def open(cls, path: str | os.PathLike[str], verify: Literal["lengths", "checksums"] = "lengths") -> Store:
        """Opens a store.

        Args:
            path: Its directory.
            verify: "lengths" looks at headers and lengths, "checksums" at every byte.

        Raises:
            StoreMissingError: There is none.
            StoreFormatError: Its files are damaged or of another version.
            ContextError: An argument is of another type.
        """
        check("path", path, str | os.PathLike, ContextError)
        check("verify", verify, Literal["lengths", "checksums"], ContextError)
        return cls(_native.Store.open(Path(path), verify == "checksums"), Path(path))

    @cached_property
    def info(self) -> dict[str, Any]:
        """The description (``store.json``)."""
        document: dict[str, Any] = json.loads(self._native.description())
        return document

    @cached_property
    def tables(self) -> dict[str, TableInfo]:
        """The tables by name, those of tasks after the others."""
        return {table["name"]: _table_info(table) for table in self.info["tables"]}

    @cached_property
    def tasks(self) -> dict[str, TaskInfo]:
        """The tasks by name."""
        return {task["name"]: _task_info(task) for task in self.info["tasks"]}

    @property
    def num_rows(self) -> int:
        """Rows of all tables, label rows included."""
        return int(self.info["num_rows"])

    @property
    def num_cells(self) -> int:
        """Words in ``cells.bin``: rows times columns, missing cells included."""
        return sum(table.rows * len(table.columns) for table in self.tables.values())

    @cached_property
    def strings(self) -> pa.ChunkedArray:
        """The distinct strings; a text or category cell is an index into them.

        Raises:
            StoreFormatError: They cannot be read, or another store has taken the place of this one.
        """
        path = self.path / "text.arrow"
        try:
            with pa.ipc.open_file(pa.memory_map(str(path))) as file:
                strings = file.read_all()["text"]
            strings.validate(full=True)  # Arrow trusts the offsets that it reads
            there = json.loads((self.path / "store.json").read_bytes())["files"][path.name]
        except (OSError, KeyError, ValueError, pa.ArrowException) as error:
            raise StoreFormatError(f"the strings cannot be read: {error}", file=str(path)) from error
        if there != self.info["files"][path.name]:
            raise StoreFormatError("another store lies there by now: open it anew", file=str(path))
        return strings

    def locate(self, node: int) -> tuple[str, int]:
        """The table of a node and the row in it."""
        check("node", node, int, ContextError)
        for table in self.tables.values():
            if table.first_node <= node < table.first_node + table.rows:
                return table.name, node - table.first_node
        raise ContextError(f"node {node} where there are {self.num_rows}", file=str(self.path))

    def column_values(self, table: str, column: str) -> NDArray[np.float32]:
        """Standardised values ``[rows] f32`` of a number, boolean or datetime column, NaN where missing."""
        self._check_encoding(table, column, strings=False)
        return self._native.column_words(table, column).view(np.float32)

    def column_ids(self, table: str, column: str) -> NDArray[np.int64]:
        """String ids ``[rows] i64`` of a text or category column, -1 where missing."""
        self._check_encoding(table, column, strings=True)
        words = self._native.column_words(table, column).astype(np.int64)
        return np.where(words == 2**32 - 1, np.int64(-1), words)

    def parent_ids(self, table: str, foreign_key: str) -> NDArray[np.int64]:
        """Row numbers in the parent table ``[rows] i64``, -1 where there is no parent."""
        _check_names(table=table, foreign_key=foreign_key)
        return self._native.parent_rows(table, foreign_key)

    def known_times(self, table: str) -> NDArray[np.int64]:
        """The moment from which a context shows each row ``[rows] i64`` microseconds, or ALWAYS or NEVER.

        A label row is shown from the microsecond after its label is known.
        """
        _check_names(table=table)
        return self._native.known_times(table)

    def column_times(self, table: str, column: str) -> NDArray[np.int64]:
        """A time column to the microsecond ``[rows] i64``, NEVER where missing.

        The store keeps those that a ``known_at`` names, and the timestamps of tasks.

        Raises:
            ContextError: The store does not keep this one.
        """
        _check_names(table=table, column=column)
        return self._native.column_times(table, column)

    def with_embeddings(self, embedder: Embedder) -> Store:
        """Adds the vectors of another embedder to the store, or replaces those of the same name.

        No cell is rewritten. Whoever is killed meanwhile leaves the store as it was.

        Returns:
            The store with them, as it lies there now.

        Raises:
            StoreBusyError: Another process builds a store there or adds to it.
            StoreFormatError: The store is damaged.
        """
        return Store(self._native.with_embeddings(embedder), self.path)

    def _check_encoding(self, table: str, column: str, *, strings: bool) -> None:
        _check_names(table=table, column=column)
        info = self.tables.get(table)
        found = info.columns.get(column) if info else None
        if found is not None and (found.encoding in ("text", "category")) != strings:
            other = "column_values" if strings else "column_ids"
            raise ContextError(
                f"the column holds {found.encoding} cells: ask {other} (table {table}, column {column})",
                table=table,
                column=column,
            )

    def __reduce__(self) -> tuple[Any, ...]:
        return (Store.open, (self.path,))

    def __repr__(self) -> str:
        tables = len(self.tables) - len(self.tasks)
        embedders = ", ".join(self.info["embeddings"]) or "none"
        return (
            f"Store({str(self.path)!r}: {tables} tables, {len(self.tasks)} tasks, {self.num_rows:,} rows, "
            f"{self.num_cells:,} cells; embedders: {embedders})"
        )


def _check_names(**names: str) -> None:
    for argument, name in names.items():
        check(argument, name, str, ContextError)


def _table_info(table: dict[str, Any]) -> TableInfo:
    columns = {
        column["name"]: ColumnInfo(
            name=column["name"],
            encoding=column["encoding"],
            mean=column["statistics"]["mean"],
            std=column["statistics"]["std"],
            count=column["statistics"]["count"],
            constant=column["constant"],
            known_at=column["known_at"],
            name_text=column["name_text"],
        )
        for column in table["columns"]
    }
    return TableInfo(
        name=table["name"],
        rows=table["rows"],
        first_node=table["first_node"],
        columns=columns,
        primary_key=table["primary_key"],
        time_column=table["time_column"],
        foreign_keys={key["column"]: key["table"] for key in table["foreign_keys"]},
        is_task=table["is_task"],
    )


def _task_info(task: dict[str, Any]) -> TaskInfo:
    return TaskInfo(
        name=task["name"],
        task_type=task["task_type"],
        entity_table=task["entity_table"],
        entity_column=task["entity_column"],
        time_column=task["time_column"],
        target_column=task["target_column"],
        splits={split: (first, last) for split, (first, last) in task["splits"].items()},
        hidden_columns=tuple(task["hidden_columns"]),
        label_known=task["label_known"],
    )
