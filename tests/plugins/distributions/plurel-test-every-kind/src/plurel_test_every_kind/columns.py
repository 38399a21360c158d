"""What columns are, what happens to them, and what is predicted of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from attrs import frozen

from plurel.tasks import TaskDefinition

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from plurel.plugins.requests import ColumnFacts, InferRequest, TaskRequest
    from plurel.schema import Table


class Rating:
    """Stars."""

    def infer(self, request: InferRequest) -> float:
        """Whole numbers from 1 to 5, most of them seen."""
        if not request.arrow_type.startswith("int") or request.minimum is None:
            return 0.0
        return 0.95 if request.minimum >= 1 and request.maximum <= 5 and request.distinct >= 3 else 0.0

    def decode(self, values: NDArray[Any]) -> NDArray[Any]:
        """1 to 5, 3 in the middle."""
        return np.clip(np.round(3 + 1.5 * values), 1, 5).astype(np.int64)


class Arctan:
    """The arc tangent of standard scores."""

    needs = frozenset({"mean", "std"})

    def fit(self, facts: ColumnFacts) -> FittedArctan:
        """Take mean and deviation."""
        return FittedArctan(facts.mean, max(facts.std, 1e-8))


@frozen
class FittedArctan:
    """The transform of one column."""

    mean: float
    std: float

    def apply(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values within -pi/2..pi/2."""
        return np.arctan((values - self.mean) / self.std)


class LastNumber:
    """Predicts the last number of every timed table."""

    def propose(self, request: TaskRequest) -> Sequence[TaskDefinition]:
        """A regression a table that has one."""
        return list(self._proposed(request))

    def _proposed(self, request: TaskRequest) -> Iterator[TaskDefinition]:
        for table in request.schema:
            numbers = [column.name for column in table.columns if column.kind == "number"]
            if table.primary_key is None or table.time_column is None or not numbers:
                continue
            splits = _splits(request, table, numbers[-1])
            if all(len(labels) for labels in splits.values()):
                yield TaskDefinition(
                    name=f"{table.name}-{numbers[-1]}",
                    kind="autocomplete",
                    task_type="regression",
                    entity_table=table.name,
                    entity_col=table.primary_key,
                    target_col=numbers[-1],
                    time_col=table.time_column,
                    splits=splits,
                    hidden=(numbers[-1],),
                )


def _splits(request: TaskRequest, table: Table, target: str) -> dict[str, pd.DataFrame]:
    """Labels before validation, before test, and after."""
    labels = request.tables[table.name][[table.time_column, table.primary_key, target]].dropna()
    time = labels[table.time_column]
    val, test = (pd.Timestamp(cut, unit="us") for cut in (request.val_timestamp, request.test_timestamp))
    return {
        "train": labels[time <= val],
        "val": labels[(time > val) & (time <= test)],
        "test": labels[time > test],
    }
