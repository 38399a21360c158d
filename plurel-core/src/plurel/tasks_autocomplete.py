"""The task proposer `autocomplete`: predict a column of a timed table's row from everything else.

The labels are those that RelBench itself would make of the same column. Not here: tasks about what happens
after a moment (forecasts), and the tasks of imported databases, which their importers know best.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from attrs import field, frozen, validators

from plurel.pieces import PIECE_ROWS, Pieces
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
        splits = _splits(request, candidate)
        if not all(self._is_learnable(labels) for labels in splits.values()):
            return None
        return TaskDefinition(
            name=f"{candidate.table}-{candidate.target}",
            kind="autocomplete",
            task_type=candidate.task_type,
            entity_table=candidate.table,
            entity_col=candidate.key,
            target_col=candidate.target,
            time_col=candidate.time,
            splits={name: labels.frame() if labels.is_small else labels for name, labels in splits.items()},
            hidden=(candidate.target,),
        )

    def _is_learnable(self, labels: _Labels) -> bool:
        """Whether a split has enough labels that differ; no more of them are read than tell."""
        rows, seen = 0, set[object]()
        for piece in labels:
            rows += len(piece)
            seen.update(piece[labels.target].unique()[:2].tolist())
            if rows >= self.params.min_rows and len(seen) > 1:
                return True
        return False


@frozen(eq=False)
class _Labels:
    """The labels of a split: the rows of it whose cells are all there.

    Attributes:
        rows: the rows, labels and others.
        target: the column of the labels.
    """

    rows: Pieces
    target: str

    @property
    def is_small(self) -> bool:
        """Whether they fit into one frame."""
        return len(self.rows) <= PIECE_ROWS

    def __iter__(self) -> Iterator[pd.DataFrame]:
        return map(self._present, self.rows)

    def frame(self) -> pd.DataFrame:
        """All of them."""
        return self._present(self.rows.frame())

    def _present(self, piece: pd.DataFrame) -> pd.DataFrame:
        import pandas as pd

        labels: pd.DataFrame = piece.dropna()
        if pd.api.types.is_bool_dtype(labels[self.target]):
            labels = labels.astype({self.target: "bool"})
        return labels


def _splits(request: TaskRequest, candidate: _Candidate) -> dict[str, _Labels]:
    """The rows of each split as RelBench cuts them: a cut's own moment still belongs to the split before."""
    import pandas as pd

    table = Pieces.of(request.tables[candidate.table])
    rows = table.only([candidate.time, candidate.key, candidate.target])
    val, test = (pd.Timestamp(cut, unit="us") for cut in (request.val_timestamp, request.test_timestamp))
    until_val = until_test = 0
    for piece in table.only([candidate.time]):
        time = piece[candidate.time]
        until_val += int((time <= val).sum())
        until_test += int((time <= test).sum())
    ends = {"train": (0, until_val), "val": (until_val, until_test), "test": (until_test, len(rows))}
    return {split: _Labels(rows.part(*end), candidate.target) for split, end in ends.items()}
