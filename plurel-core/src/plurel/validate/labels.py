"""Checks of label files, cell by cell: rows named, targets there, splits on their side of the cuts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from plurel.relbench_io.directory import SPLITS
from plurel.relbench_io.moments import iso
from plurel.validate.breaches import Breaches
from plurel.validate.database import MISSING, Database, ParquetColumns, Task, moments
from plurel.validate.tables import check_finite, check_metadata, check_times, whole_numbers

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray


def check_labels(database: Database, task: Task, breaches: Breaches) -> None:
    """Note every breach in the label files that are there."""
    for split in SPLITS:
        labels = ParquetColumns(task.folder / f"{split}.parquet")
        where = f"{task.place}/{split}.parquet"
        if labels.file.is_file():
            with breaches.unreadable(where):
                _check_split(database, task, split, labels, where, breaches)


def _check_split(
    database: Database, task: Task, split: str, labels: ParquetColumns, where: str, breaches: Breaches
) -> None:
    if labels.schema is None:
        breaches.add("labels", where, "the file is not a Parquet file")
        return
    needed = [name for name in (task.entity_col, task.target, task.time) if name is not None]
    missing = [name for name in needed if labels.type(name) is None]
    if missing:
        breaches.add("labels", where, f"lacks the columns {', '.join(missing)}")
        return
    if labels.rows == 0:
        breaches.add("labels", where, "has no rows")
        return
    check_metadata(labels, where, ({task.entity_col: task.entity.name}, None, task.time), breaches)
    _check_target(task, labels, where, breaches)
    rows = _entities(task, labels, where, breaches)
    times = None
    if task.time is not None:
        check_times(labels, task.time, f"{where}, {task.time}", breaches)
        times = moments(labels, task.time)
    if times is None:
        return
    if (times == MISSING).any():
        breaches.add("labels", f"{where}, {task.time}", f"{int((times == MISSING).sum())} cutoffs are null")
        return
    _check_cuts(database, task, split, times, where, breaches)
    if rows is not None:
        order = np.lexsort((rows, times))
        if (order != np.arange(len(order))).any():
            breaches.add("labels", where, f"rows must be sorted by {task.time}, then {task.entity_col}")
        pairs = np.stack([times, rows])[:, order]
        if (pairs[:, 1:] == pairs[:, :-1]).all(axis=0).any():
            breaches.add("labels", where, f"a {task.entity_col} has two labels at the same {task.time}")
        if task.kind == "autocomplete":
            _check_cells(database, task, split, labels, rows, times, where, breaches)


def _entities(task: Task, labels: ParquetColumns, where: str, breaches: Breaches) -> NDArray[np.int64] | None:
    """Rows of the entity table that the labels belong to; None, noted, where they name none."""
    place = f"{where}, {task.entity_col}"
    rows = whole_numbers(labels, task.entity_col, place, "labels", breaches)
    if rows is None:
        return None
    outside = rows[(rows < 0) | (rows >= task.entity.rows)]
    if len(outside):
        found = "null" if outside[0] == MISSING else outside[0]
        breaches.add(
            "labels",
            place,
            f"{len(outside)} values are no row 0..{task.entity.rows - 1} of {task.entity.name!r}, "
            f"the first {found}",
        )
        return None
    return rows


def _check_target(task: Task, labels: ParquetColumns, where: str, breaches: Breaches) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    place = f"{where}, {task.target}"
    cells, kind = labels.read(task.target), labels.type(task.target)
    if cells.null_count:
        breaches.add("labels", place, f"{cells.null_count} targets are null")
    check_finite(labels, task.target, place, breaches)
    numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    if pa.types.is_floating(kind) and pc.sum(pc.is_nan(cells)).as_py():
        breaches.add("labels", place, f"{pc.sum(pc.is_nan(cells)).as_py()} targets are NaN")
    if task.task_type == "regression" and not numeric:
        breaches.add("labels", place, f"a regression target must hold numbers, not {kind}")
    if task.task_type == "binary_classification" and not pa.types.is_boolean(kind):
        values = pc.unique(cells).to_pylist() if numeric else []
        if not numeric or not {value for value in values if value is not None} <= {0, 1}:
            breaches.add("labels", place, f"a binary target must hold booleans, or 0 and 1, not other {kind}")


def _check_cuts(
    database: Database, task: Task, split: str, times: NDArray[np.int64], where: str, breaches: Breaches
) -> None:
    """A label's time must lie on its split's side of the cuts; a forecast's on its grid of windows too."""
    val, test, window = database.val, database.test, task.window
    if val is None or test is None or task.kind == "external":
        return
    if task.kind == "autocomplete":
        low, high = {"train": (None, val), "val": (val + 1, test), "test": (test + 1, None)}[split]
    elif window is None:
        return
    else:
        low, high = {"train": (None, val - window), "val": (val, test - window), "test": (test, None)}[split]
        anchor = test if split == "test" else val
        off = times[(times - anchor) % window != 0]
        if len(off):
            breaches.add(
                "labels", where, f"{len(off)} times are no whole windows from the cut, as {iso(int(off[0]))}"
            )
    outside = np.zeros(len(times), dtype=bool)
    if low is not None:
        outside |= times < low
    if high is not None:
        outside |= times > high
    if outside.any():
        breaches.add(
            "labels",
            where,
            f"{int(outside.sum())} times lie on the wrong side of a cut, as {iso(int(times[outside][0]))}",
        )


def _check_cells(
    database: Database,
    task: Task,
    split: str,
    labels: ParquetColumns,
    rows: NDArray[np.int64],
    times: NDArray[np.int64],
    where: str,
    breaches: Breaches,
) -> None:
    """An autocomplete label is its cell: same row, same time, same value, and no row is left out."""
    entity = task.entity
    if entity.times is None or entity.type(task.target) is None:
        return
    if (entity.times[rows] != times).any():
        breaches.add(
            "labels", where, f"{int((entity.times[rows] != times).sum())} times are not those of their rows"
        )
    cells, targets = _plain(entity.read(task.target)), _plain(labels.read(task.target))
    differ = sum(cells[row] != target for row, target in zip(rows.tolist(), targets, strict=True))
    if differ:
        breaches.add("labels", where, f"{differ} targets are not the cells of {entity.name}.{task.target}")
    if database.val is None or database.test is None:
        return
    timed = entity.times != MISSING
    sides = {
        "train": entity.times <= database.val,
        "val": (entity.times > database.val) & (entity.times <= database.test),
        "test": entity.times > database.test,
    }
    filled = np.array([cell is not None for cell in cells], dtype=bool)
    expected = int((sides[split] & timed & filled).sum())
    if expected != labels.rows:
        breaches.add("labels", where, f"has {labels.rows} labels, RelBench would make {expected}")


def _plain(cells: pa.ChunkedArray) -> list[object]:
    """Cells as Python values, NaN as None."""
    return [None if value is None or value != value else value for value in cells.to_pylist()]
