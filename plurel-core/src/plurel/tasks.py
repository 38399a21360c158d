"""Records of prediction tasks, as RelBench 3 knows them.

Not here: proposing tasks (the `tasks` plugins) and writing them (`plurel.relbench_io`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from attrs import field, frozen

if TYPE_CHECKING:
    from plurel.pieces import Rows

TaskKind = Literal["forecast", "autocomplete", "external"]
TaskType = Literal["binary_classification", "regression", "multiclass_classification"]


def _names(value: Iterable[str]) -> tuple[str, ...]:
    return tuple(value)


@frozen(kw_only=True, eq=False)
class TaskDefinition:
    """A task with its labels.

    Attributes:
        name: folder name of the task.
        kind: how RelBench makes its labels.
        task_type: what is predicted.
        entity_table: the table whose rows are predicted.
        entity_col: the column of the label table that holds the row of the entity table.
        target_col: the column that is predicted; for `autocomplete` a column of the entity table.
        time_col: the column of the label table that holds the cutoff.
        splits: labels by `train`, `val`, `test`: entity_col, time_col, target_col; a frame, or, of many
            rows, frames that follow one another (anything that can be iterated over again), sorted by
            time_col, then entity_col.
        known_at: time column of the entity table at which the label is known, None for the cutoff
            (autocomplete) or `timedelta` after it (forecast).
        hidden: columns of the entity table that would give the label away; a context hides them in the
            target's row and in rows of the same time.
        timedelta: length of a forecast's window in microseconds, None for others.
        sql: a forecast's query, None for others.
        remove_columns: columns RelBench itself removes, by table.
    """

    name: str
    kind: TaskKind
    task_type: TaskType
    entity_table: str
    entity_col: str
    target_col: str
    time_col: str
    splits: Mapping[str, Rows]
    known_at: str | None = None
    hidden: tuple[str, ...] = field(default=(), converter=_names)
    timedelta: int | None = None
    sql: str | None = None
    remove_columns: Mapping[str, Any] = field(factory=dict)
