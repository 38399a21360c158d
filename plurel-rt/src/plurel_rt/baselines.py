"""What a zero-shot score has to stand beside: the trivial predictor, and trees trained on the task.

Both obey the rule that contexts obey: a row, and a column's cell, that is not known at the cutoff is not
there; a label that is not known at the first moment to be predicted is not learned from. The trees see the
cells of the entity's own row and of its parents: numbers, categories and texts by number, moments by how long
ago they were. History and siblings are beyond them, as are labels of other splits. Not here: metrics.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from plurel_sampler import ALWAYS, NEVER

if TYPE_CHECKING:
    from plurel_sampler import Store, TableInfo

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
TREE_ROWS = 50_000
"""The trees learn from this many training rows at most, evenly spread over their times."""


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

    Returns:
        `[rows]`; NaN where there is no label to learn from.
    """
    if len(train_labels) == 0:
        return np.full(rows, np.nan)
    return np.full(rows, train_labels.mean() if binary else np.median(train_labels))


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
    """When each label row is to be predicted, `[rows]` microseconds, as the sampler has it.

    That is its timestamp; in a task without timestamps, when the entity's row is known; where neither has a
    time, the end of the row's split.
    """
    moments = _moments(store, task)
    ends = np.full(len(moments), NEVER - 1)
    splits = store.tasks[task].splits
    for rows, end in ((splits.get("train"), "val_timestamp"), (splits.get("val"), "test_timestamp")):
        if rows is not None and store.info[end] is not None:
            ends[slice(*rows)] = store.info[end]
    return np.where((moments == ALWAYS) | (moments == NEVER), ends, moments)


def _moments(store: Store, task: str) -> I64:
    """The time of each label row or, in a task without times, its entity's; `ALWAYS` or `NEVER` if none."""
    info = store.tasks[task]
    if info.time_column is not None:
        return store.column_times(task, info.time_column)
    entity = store.parent_ids(task, info.entity_column)
    return _take(store.known_times(info.entity_table), entity, ALWAYS)


def train_rows(store: Store, task: str, rows: I64) -> I64:
    """The label rows of the train split that may be learned from to predict others, earliest first.

    Those are the labelled ones that are not predicted themselves and whose label is known when the first of
    `rows` is to be predicted; labels that hang on no time at all always are.

    Args:
        store: a packed store.
        task: one of its tasks.
        rows: `[n]` rows of the task's table that are to be predicted.

    Returns:
        `[m]` rows of the task's table; none where `rows` begin before the first label is known.
    """
    cutoff = cutoffs(store, task)
    known = np.where(_moments(store, task) == ALWAYS, ALWAYS, store.known_times(task))
    train = np.arange(*store.tasks[task].splits.get("train", (0, 0)), dtype=np.int64)
    may = ~np.isnan(labels(store, task)[train]) & (known[train] <= cutoff[rows].min(initial=NEVER))
    train = np.setdiff1d(train[may], rows)
    return train[np.argsort(cutoff[train], kind="stable")]


def entity_features(store: Store, task: str, rows: I64) -> Features:
    """The cells of each label row's entity, and of the entity's parents, that are known at its cutoff.

    A datetime is the time from it to the cutoff, in standard deviations of its column: trees can make nothing
    of dates that are later than all they learned from.

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

    known = store.known_times(entity_table.name)
    entity = np.where(_take(known, entity, NEVER) <= cutoff, entity, -1)  # an unknown row has unknown parents
    add("", entity_table, entity, np.ones(len(rows), dtype=bool))
    for key, parent_name in entity_table.foreign_keys.items():
        at = _take(store.parent_ids(entity_table.name, key), entity, -1)
        told = at == entity
        if entity_table.time_column is not None and parent_name == entity_table.name:
            told |= _take(known, at, NEVER) == cutoff
        add(f"{key}.", store.tables[parent_name], at, told)
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
            if column.encoding == "datetime":  # rounded as cells are, so that equal moments are 0 apart
                cells = ((cutoff - column.mean) / column.std).astype(np.float32) - cells
        known = row_known
        if column.known_at is not None:
            known = row_known & (_take(store.column_times(table.name, column.known_at), at, 0) <= cutoff)
        yield name, np.where(known, cells, np.nan)


def _take(array: NDArray[Any], at: I64, missing: float) -> NDArray[Any]:
    """`array[at]`, `missing` where `at` is -1."""
    taken = np.full(len(at), missing, dtype=array.dtype)
    taken[at >= 0] = array[at[at >= 0]]
    return taken


def trees(store: Store, task: str, rows: I64) -> TreeBaseline:
    """Gradient-boosted trees of one task, learned from its train split.

    Args:
        store: a packed store.
        task: a binary or regression task of it.
        rows: `[n]` rows of the task's table to predict.
    """
    train = train_rows(store, task, rows)
    if len(train) > TREE_ROWS:
        train = train[np.arange(TREE_ROWS) * len(train) // TREE_ROWS]
    known = entity_features(store, task, train)
    predicted = fit_trees(
        known.values,
        labels(store, task)[train],
        entity_features(store, task, rows).values,
        binary=store.tasks[task].task_type == "binary_classification",
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
        `[n]`; the trivial prediction where there is too little to learn from: no features, labels that are
        all alike, or a class that was met once only.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    known = ~np.isnan(train).all(axis=0)
    kinds, counts = np.unique(labels, return_counts=True)
    if not known.any() or len(kinds) < 2 or (binary and counts.min() < 2):
        return trivial(labels, binary, len(rows))
    if binary:
        classifier = HistGradientBoostingClassifier(random_state=0)
        classifier.fit(train[:, known], labels > 0.5)
        return np.asarray(classifier.predict_proba(rows[:, known])[:, 1])
    regressor = HistGradientBoostingRegressor(loss="absolute_error", random_state=0)
    regressor.fit(train[:, known], labels)
    return np.asarray(regressor.predict(rows[:, known]))
