"""The proposer `autocomplete`: columns that can be learnt and scored, split as RelBench splits them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from plurel.plugins import get_ledger
from plurel.plugins.requests import TaskRequest
from plurel.schema import Column, ColumnKind, Table
from plurel.seeding import Stream
from plurel.tasks import TaskDefinition
from plurel.tasks_autocomplete import Autocomplete, AutocompleteParams

DAY = 86_400_000_000


def _events(**columns: ColumnKind) -> Table:
    return Table(
        name="events",
        rows=100,
        role="activity",
        primary_key="row_idx",
        time_column="date",
        columns=[Column(name=name, kind=kind) for name, kind in columns.items()],
    )


def _propose(
    table: Table, frame: Mapping[str, object], params: AutocompleteParams | None = None, seed: int = 0
) -> list[TaskDefinition]:
    rows = {"row_idx": range(100), "date": pd.date_range("1970-01-01", periods=100, freq="D"), **frame}
    request = TaskRequest(
        tables={table.name: pd.DataFrame(rows)},
        schema=[table],
        val_timestamp=60 * DAY,
        test_timestamp=80 * DAY,
        stream=Stream(seed) / "tasks",
    )
    return list(Autocomplete(params or AutocompleteParams()).propose(request))


def test_numbers_are_regression_and_booleans_classification() -> None:
    tasks = _propose(
        _events(amount="number", paid="boolean"),
        {"amount": np.arange(100.0), "paid": np.arange(100) % 2 == 0},
    )
    assert {task.name: task.task_type for task in tasks} == {
        "events-amount": "regression",
        "events-paid": "binary_classification",
    }


def test_a_row_at_a_cut_belongs_to_the_split_before_it() -> None:
    (task,) = _propose(_events(amount="number"), {"amount": np.arange(100.0)})
    rows = {name: labels["row_idx"].tolist() for name, labels in task.splits.items()}
    assert rows == {"train": [*range(61)], "val": [*range(61, 81)], "test": [*range(81, 100)]}


def test_missing_cells_have_no_label_and_labels_are_plain_booleans() -> None:
    paid = pd.array([None if row % 5 == 0 else row % 2 == 0 for row in range(100)], dtype="boolean")
    (task,) = _propose(_events(paid="boolean"), {"paid": paid})
    assert all(labels["paid"].dtype == bool for labels in task.splits.values())
    assert not any((labels["row_idx"] % 5 == 0).any() for labels in task.splits.values())


@pytest.mark.parametrize("constant", [slice(0, 61), slice(61, 81), slice(81, 100)])
def test_a_column_that_stands_still_in_a_split_is_no_task(constant: slice) -> None:
    amount = np.arange(100.0)
    amount[constant] = 1.0
    assert _propose(_events(amount="number"), {"amount": amount}) == []


def test_a_split_with_too_few_labels_is_no_task() -> None:
    amount = np.arange(100.0)
    amount[85:] = np.nan
    table = _events(amount="number")
    assert _propose(table, {"amount": amount}) == []
    assert len(_propose(table, {"amount": amount}, AutocompleteParams(min_rows=4))) == 1


def test_columns_without_a_metric_and_tables_without_time_or_key_give_no_task() -> None:
    words = {"word": ["a", "b"] * 50}
    assert _propose(_events(word="category"), words) == []
    assert _propose(_events(word="text"), words) == []
    column = (Column(name="x", kind="number"),)
    for table in (
        Table(name="t", rows=100, role="entity", primary_key="row_idx", columns=column),
        Table(name="t", rows=100, role="activity", time_column="date", columns=column),
    ):
        assert _propose(table, {"x": np.arange(100.0)}) == []


def test_the_same_stream_chooses_the_same_columns_and_another_may_not() -> None:
    kinds: dict[str, ColumnKind] = {f"x{index}": "number" for index in range(8)}
    frame = dict.fromkeys(kinds, np.arange(100.0))
    table = _events(**kinds)
    one = AutocompleteParams(max_tasks=2)
    drawn = [tuple(task.name for task in _propose(table, frame, one, seed)) for seed in range(20)]
    assert drawn == [tuple(task.name for task in _propose(table, frame, one, seed)) for seed in range(20)]
    assert {len(names) for names in drawn} == {2}
    assert len(set(drawn)) > 5


def test_it_is_a_contribution_with_parameters() -> None:
    built = get_ledger().find("tasks", "autocomplete").build({"max_tasks": 1})
    assert built == Autocomplete(AutocompleteParams(max_tasks=1))
