"""The task proposer `autocomplete`: predict a column of a timed table's row from everything else.

The labels are those that RelBench itself would make of the same column. Not here: tasks about what happens
after a moment (forecasts), and the tasks of imported databases, which their importers know best.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from attrs import field, frozen, validators

from plurel.plugins.requests import TaskRequest
from plurel.tasks import TaskDefinition, TaskType

if TYPE_CHECKING:
    import pandas as pd

_TASK_TYPES: dict[str, TaskType] = {"boolean": "binary_classification", "number": "regression"}
"""Task type of a column's kind; RelBench has no metric for the others."""


@frozen(kw_only=True)
class AutocompleteParams:
    """Parameters of the proposer.

    Attributes:
        max_tasks: most tasks of a database.
        min_rows: fewest labels of a split.
    """

    max_tasks: int = field(default=3, validator=validators.ge(1))
    min_rows: int = field(default=10, validator=validators.ge(1))


@frozen
class _Candidate:
    """A column that could be predicted, with the keys of its table."""

    table: str
    key: str
    time: str
    target: str
    task_type: TaskType


@frozen
class Autocomplete:
    """Proposes columns drawn among those that can be predicted and scored."""

    params: AutocompleteParams = field(factory=AutocompleteParams)

    def propose(self, request: TaskRequest) -> Sequence[TaskDefinition]:
        """Tasks whose every split has labels that differ.

        Args:
            request: the finished database.

        Returns:
            At most `max_tasks` tasks, in the order of the schema; none where no timed table with a primary
            key has such a column.
        """
        candidates = [
            _Candidate(
                table.name, table.primary_key, table.time_column, column.name, _TASK_TYPES[column.kind]
            )
            for table in request.schema
            if table.primary_key is not None and table.time_column is not None
            for column in table.columns
            if column.kind in _TASK_TYPES
        ]
        order = request.stream.generator().permutation(len(candidates)).tolist()
        chosen: dict[int, TaskDefinition] = {}
        for index in order:
            if len(chosen) == self.params.max_tasks:
                break
            task = self._task(request, candidates[index])
            if task is not None:
                chosen[index] = task
        return [chosen[index] for index in sorted(chosen)]

    def _task(self, request: TaskRequest, candidate: _Candidate) -> TaskDefinition | None:
        """The task on a column, or None where some split could not be learnt or scored."""
        splits = dict(_splits(request, candidate))
        if any(
            len(labels) < self.params.min_rows or labels[candidate.target].nunique() < 2
            for labels in splits.values()
        ):
            return None
        return TaskDefinition(
            name=f"{candidate.table}-{candidate.target}",
            kind="autocomplete",
            task_type=candidate.task_type,
            entity_table=candidate.table,
            entity_col=candidate.key,
            target_col=candidate.target,
            time_col=candidate.time,
            splits=splits,
            hidden=(candidate.target,),
        )


def _splits(request: TaskRequest, candidate: _Candidate) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of each split as RelBench cuts them: a cut's own moment still belongs to the split before."""
    import pandas as pd

    val, test = (pd.Timestamp(cut, unit="us") for cut in (request.val_timestamp, request.test_timestamp))
    columns = [candidate.time, candidate.key, candidate.target]
    labels: pd.DataFrame = request.tables[candidate.table][columns].dropna()
    if pd.api.types.is_bool_dtype(labels[candidate.target]):
        labels = labels.astype({candidate.target: "bool"})
    time = labels[candidate.time]
    yield "train", labels[time <= val]
    yield "val", labels[(time > val) & (time <= test)]
    yield "test", labels[time > test]
