"""What a zero-shot score has to stand beside: the trivial predictor, and trees trained on the task.

Both obey the rule that contexts obey: a row, and a column's cell, that is not known at the cutoff is not
there. The trees see the cells of the entity's own row and of its parents, as the store holds them
(standardised numbers, categories by number); history, siblings and text are beyond them. Not here: metrics.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

if TYPE_CHECKING:
    from plurel_sampler import Store, TableInfo

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
TREE_ROWS = 50_000
"""The trees learn from this many training rows at most: the latest."""


@frozen(kw_only=True, eq=False)
class TreeBaseline:
    """Predictions of the trees and how they came about.

    Attributes:
        predicted: `[n]`, binary: the probability of True.
        train_rows: rows that they learned from.
        features: names of the cells that they saw.
    """

    predicted: F64
    train_rows: int
    features: tuple[str, ...]


def trivial(train_labels: F64, binary: bool, rows: int) -> F64:
    """The same prediction for every row: the share of True, or the median.

    The median is what minimises the absolute error.

    Args:
        train_labels: `[m]` labels of the train split.
        binary: whether they are 0 and 1.
        rows: how many predictions.
    """
    value = train_labels.mean() if binary else np.median(train_labels)
    return np.full(rows, value)


@frozen(kw_only=True, eq=False)
class Features:
    """A matrix for trees: one column a cell that a row can have.

    Attributes:
        names: `carrier.name`, ...; a parent's cells start with the foreign key they were reached by.
        values: `[n, features]` f64; NaN where there is no cell, or none yet at the row's cutoff.
    """

    names: tuple[str, ...]
    values: F64


def labels(store: Store, task: str) -> F64:
    """All labels of a task in their own unit, `[rows]` f64, NaN where a row has none."""
    column = store.tasks[task].target_column
    info = store.tables[task].columns[column]
    return store.column_values(task, column).astype(np.float64) * info.std + info.mean


def cutoffs(store: Store, task: str) -> I64:
    """When each label row is to be predicted, `[rows]` microseconds; in the far future without times."""
    column = store.tasks[task].time_column
    if column is None:
        return np.full(store.tables[task].rows, np.iinfo(np.int64).max)
    return store.column_times(task, column)


def entity_features(store: Store, task: str, rows: I64) -> Features:
    """The cells of each label row's entity, and of the entity's parents, that are known at its cutoff.

    Args:
        store: a packed store.
        task: one of its tasks.
        rows: `[n]` rows of the task's table.
    """
    info = store.tasks[task]
    entity_table = store.tables[info.entity_table]
    cutoff = cutoffs(store, task)[rows]
    entity = store.parent_ids(task, info.entity_column)[rows]
    names: list[str] = []
    values: list[F64] = []

    def add(prefix: str, table: TableInfo, at: I64, told: NDArray[np.bool_]) -> None:
        """The cells of rows `at` (-1: none); columns that tell the label are gone where `told`."""
        for column, cells in _known_cells(store, table, at, cutoff):
            if table is entity_table and column in info.hidden_columns:
                cells[told] = np.nan
            names.append(f"{prefix}{column}")
            values.append(cells)

    add("", entity_table, entity, np.ones(len(rows), dtype=bool))
    moment = store.known_times(entity_table.name)
    for key, parent_name in entity_table.foreign_keys.items():
        parent = store.tables[parent_name]
        at = _take(store.parent_ids(entity_table.name, key), entity, -1)
        same_moment = np.zeros(len(rows), dtype=bool)
        if parent is entity_table:
            same_moment = _take(moment, at, 0) == _take(moment, entity, 1)
        add(f"{key}.", parent, at, same_moment)
    return Features(
        names=tuple(names), values=np.column_stack(values) if values else np.empty((len(rows), 0))
    )


def _known_cells(store: Store, table: TableInfo, at: I64, cutoff: I64) -> Iterator[tuple[str, F64]]:
    """Each column of a table with its cells in rows `at`: NaN where missing, or not known at `cutoff`."""
    row_known = (at >= 0) & (_take(store.known_times(table.name), at, 0) <= cutoff)
    for name, column in table.columns.items():
        if column.encoding in ("text", "category"):
            ids = _take(store.column_ids(table.name, name), at, -1)
            cells = np.where(ids >= 0, ids, np.nan)
        else:
            cells = _take(store.column_values(table.name, name), at, np.nan).astype(np.float64)
        known = row_known
        if column.known_at is not None:
            known = row_known & (_take(store.column_times(table.name, column.known_at), at, 0) <= cutoff)
        yield name, np.where(known, cells, np.nan)


def _take(array: NDArray[Any], at: I64, missing: float) -> NDArray[Any]:
    """`array[at]`, `missing` where `at` is -1."""
    return np.where(at >= 0, array[at], array.dtype.type(missing))


def trees(store: Store, task: str, rows: I64) -> TreeBaseline:
    """Gradient-boosted trees of one task, learned from its train split.

    Args:
        store: a packed store.
        task: a binary or regression task of it.
        rows: `[n]` rows of the task's table to predict.
    """
    info = store.tasks[task]
    truth = labels(store, task)
    first, last = info.splits["train"]
    train = np.arange(first, last, dtype=np.int64)
    train = train[~np.isnan(truth[train])]
    latest = np.argsort(cutoffs(store, task)[train], kind="stable")[-TREE_ROWS:]
    train = train[latest]
    known = entity_features(store, task, train)
    predicted = fit_trees(
        known.values,
        truth[train],
        entity_features(store, task, rows).values,
        binary=info.task_type == "binary_classification",
    )
    return TreeBaseline(predicted=predicted, train_rows=len(train), features=known.names)


def fit_trees(train: F64, labels: F64, rows: F64, binary: bool) -> F64:
    """Predictions of gradient-boosted trees (scikit-learn's, its defaults, seed 0).

    Args:
        train: `[m, features]`, NaN where missing.
        labels: `[m]`; 0 and 1 if binary.
        rows: `[n, features]` to predict for.
        binary: probabilities of True by log loss; otherwise values by absolute error, which nMAE measures.

    Returns:
        `[n]`; the trivial prediction where there is nothing to learn from: no features, or one class.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    known = ~np.isnan(train).all(axis=0)
    if not known.any() or len(np.unique(labels)) < 2:
        return trivial(labels, binary, len(rows))
    if binary:
        classifier = HistGradientBoostingClassifier(random_state=0)
        classifier.fit(train[:, known], labels > 0.5)
        return np.asarray(classifier.predict_proba(rows[:, known])[:, 1])
    regressor = HistGradientBoostingRegressor(loss="absolute_error", random_state=0)
    regressor.fit(train[:, known], labels)
    return np.asarray(regressor.predict(rows[:, known]))
