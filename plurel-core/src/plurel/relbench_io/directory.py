"""Records of what a RelBench directory says of itself: tables, keys, times, tasks, when columns are known.

Not here: reading them (`plurel.relbench_io.read`) and rows, which stay on disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

from attrs import frozen

from plurel.plugins.records import Encoding
from plurel.tasks import TaskKind

SPLITS = ("train", "val", "test")
KINDS: tuple[str, ...] = get_args(TaskKind)
TASK_TYPES = (
    "binary_classification",
    "regression",
    "multiclass_classification",
    "multilabel_classification",
)
"""What RelBench predicts of one table's rows; its fifth type, recommendation, is about pairs of rows."""
TASKS_KEY = "tasks"
"""Key of `columns.yaml` under which tasks stand beside tables; no table may have this name."""
MISSING_TIME_KEY = "missing_time"
"""Key of a table in `columns.yaml` that says when its rows without a time are shown."""
MissingTime = Literal["never", "always"]


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
