"""What a person says about tables, tasks, targets and contexts. Records only: nothing here reads data.

A record checks the types of its fields when it is made; what names lead to is known when it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from plurel_sampler._checks import check_fields, check_range
from plurel_sampler.errors import BuildError, ContextError

Encoding: TypeAlias = Literal["number", "text", "datetime", "boolean", "category"]
Split: TypeAlias = Literal["train", "val", "test"]
TaskType: TypeAlias = Literal["binary_classification", "regression", "multiclass_classification"]

ENCODINGS: tuple[Encoding, ...] = ("number", "text", "datetime", "boolean", "category")
"""The encodings in the order of their numbers in a batch."""


@runtime_checkable
class ArrowStream(Protocol):
    """Rows that speak the Arrow C stream interface (a table of pyarrow, polars or pandas, a reader)."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Gives the rows as a PyCapsule."""
        ...


Data: TypeAlias = ArrowStream | Path | str | Callable[[], ArrowStream]
"""Rows that can be asked for more than once: an object with ``__arrow_c_stream__`` that allows it, the path
of a Parquet file, or a function that gives a new stream each time."""


@dataclass(frozen=True, slots=True)
class Column:
    """What is said about a column beyond its Arrow type.

    Attributes:
        encoding: How its cells are stored; None infers it from the Arrow type.
        known_at: A time column of the same table: a cell is known when that column of its row says, and
            never where that time is missing. None: as soon as the row is.

    Raises:
        BuildError: A field is of another type.
    """

    encoding: Encoding | None = None
    known_at: str | None = None

    def __post_init__(self) -> None:
        check_fields(self, BuildError)


@dataclass(frozen=True, slots=True)
class Table:
    """A table to be packed.

    Attributes:
        name: Its name, unique among tables and tasks.
        data: Its rows; columns that are no keys become cells.
        primary_key: The column that foreign keys of other tables point at; unique, never missing.
        time_column: When each row is known. None: when the latest of its timed parents is, else always.
        foreign_keys: Column -> the table it points at.
        columns: What is said about single columns.
        missing_time: When a row of a timed table is known whose time is missing.

    Raises:
        BuildError: A field is of another type.
    """

    name: str
    data: Data
    primary_key: str | None = None
    time_column: str | None = None
    foreign_keys: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, Column] = field(default_factory=dict)
    missing_time: Literal["never", "always"] = "never"

    def __post_init__(self) -> None:
        check_fields(self, BuildError)


@dataclass(frozen=True, slots=True)
class Task:
    """A task to be packed: its label rows become the rows of a table of that name.

    A label is known at the label row's timestamp; ``window`` after it for a forecast; or when ``known_at``,
    a time column of the entity's row, says (an autocompleted column that is known later than its row).
    Contexts show a label only strictly after that.

    Attributes:
        name: Its name, unique among tables and tasks.
        entity_table: The table whose rows the labels are about.
        entity_column: The column of the label rows that points at it.
        time_column: The column of the label rows that holds their timestamps.
        target_column: The column of the label rows that is to be predicted.
        task_type: Binary labels are stored as booleans, regression's as numbers, multiclass as categories.
        splits: The label rows of each split.
        window: How long after its timestamp a label is known.
        known_at: A time column of the entity table that says when the label is known.
        hidden_columns: Columns of the entity table that tell the label. They are hidden in the target's
            entity row and in rows of that table with the target's very time.

    Raises:
        BuildError: A field is of another type.
    """

    name: str
    entity_table: str
    entity_column: str
    time_column: str | None
    target_column: str
    task_type: TaskType
    splits: Mapping[Split, Data]
    window: timedelta | None = None
    known_at: str | None = None
    hidden_columns: Sequence[str] = ()

    def __post_init__(self) -> None:
        check_fields(self, BuildError)


@dataclass(frozen=True, slots=True)
class ContextConfig:
    """How contexts are made.

    Attributes:
        length: Cells of a sequence.
        width: Children that a row brings at most.
        mode: "bfs", breadth-first from the target's row, parents first.
        seed: Of every draw and order.
        children: Which children a row brings where it has more than ``width``: a uniform sample of those
            that can be seen, or those that became known last.
        labels: When a context for a task comes to other, known labels of that task: as to any other row
            ("apart", as published), or with the entity row that they belong to ("beside", the latest
            ``width`` of them), so that short contexts hold some.

    Raises:
        ContextError: A field is of another type or out of range.
    """

    length: int = 1024
    width: int = 128
    mode: Literal["bfs"] = "bfs"
    seed: int = 0
    children: Literal["sampled", "recent"] = "sampled"
    labels: Literal["apart", "beside"] = "apart"

    def __post_init__(self) -> None:
        check_fields(self, ContextError)
        check_range("ContextConfig.length", self.length, 1, 2**20, ContextError)
        check_range("ContextConfig.width", self.width, 0, 2**32, ContextError)
        check_range("ContextConfig.seed", self.seed, 0, 2**64 - 1, ContextError)


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be predicted.

    Attributes:
        store: Index into the sampler's stores.
        kind: A task, or a column whose cells are masked one at a time (self-supervised).
        name: The task's name, or ``table.column``.

    Raises:
        ContextError: A field is of another type or out of range.
    """

    store: int
    kind: Literal["task", "column"]
    name: str

    def __post_init__(self) -> None:
        check_fields(self, ContextError)
        check_range("Target.store", self.store, 0, 2**32, ContextError)


class Embedder(Protocol):
    """Texts into vectors."""

    @property
    def name(self) -> str:
        """Names its file in a store."""
        ...

    @property
    def width(self) -> int:
        """Length of a vector."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes whenever the same text would get another vector."""
        ...

    def embed(self, texts: list[str], /) -> Any:
        """Gives ``[texts, width]`` f32."""
        ...
