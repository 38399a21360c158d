"""What a build refuses, and what it says: contradictions, wrong types, values that no cell can hold."""

from __future__ import annotations

import datetime as dt
import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from plurel_sampler import (
    BuildError,
    CellValueError,
    Column,
    HashedEmbedder,
    Table,
    Task,
    build_store,
)


def task(**changes: Any) -> Task:
    rows = pa.table({"key": [1], "ts": [dt.date(2020, 1, 1)], "y": [1.0]})
    given: dict[str, Any] = {
        "name": "task",
        "entity_table": "t",
        "entity_column": "key",
        "time_column": "ts",
        "target_column": "y",
        "task_type": "regression",
        "splits": {"train": rows},
    }
    return Task(**given | changes)


PLAIN = pa.table({"id": [1], "at": [dt.date(2020, 1, 1)], "x": [1.0]})


@pytest.mark.parametrize(
    ("table", "tasks", "message"),
    [
        (Table("t", PLAIN, primary_key="no"), [], "no such column; there are: id, at, x"),
        (Table("t", PLAIN, time_column="x"), [], "no datetime column"),
        (Table("t", PLAIN, foreign_keys={"id": "nowhere"}), [], "'nowhere'|\"nowhere\""),
        (Table("t", PLAIN, foreign_keys={"id": "t"}), [], "has no primary key"),
        (Table("t", PLAIN, columns={"no": Column()}), [], "no such column"),
        (Table("t", PLAIN, columns={"x": Column(known_at="id")}), [], "no datetime column"),
        (Table("t", PLAIN, primary_key="id", columns={"id": Column()}), [], "is a key"),
        (Table("t", PLAIN, columns={"at": Column("number")}), [], "where numbers were expected"),
        (Table("t", PLAIN, columns={"x": Column("datetime")}), [], "where datetimes were expected"),
        (Table("", PLAIN), [], "every name must be its own"),
        (Table("t", PLAIN.rename_columns(["id", "x", "x"])), [], "two columns have this name"),
        (Table("t", PLAIN), [task()], "has no primary key"),
        (Table("t", PLAIN, primary_key="id"), [task(name="t")], "every name must be its own"),
        (Table("t", PLAIN, primary_key="id"), [task(entity_table="u")], "entity table"),
        (Table("t", PLAIN, primary_key="id"), [task(target_column="z")], "no such column"),
        (Table("t", PLAIN, primary_key="id"), [task(target_column="ts")], "columns of their own"),
        (Table("t", PLAIN, primary_key="id"), [task(target_column="key")], "columns of their own"),
        (Table("t", PLAIN, primary_key="id"), [task(window=-dt.timedelta(1))], "expected 0 to"),
        (Table("t", PLAIN, primary_key="id"), [task(window=dt.timedelta.max)], "expected 0 to"),
        (Table("t", PLAIN, primary_key="id"), [task(hidden_columns=["z"])], "hides a column"),
        (Table("t", PLAIN, primary_key="id"), [task(known_at="x")], "no datetime column"),
        (Table("t", PLAIN, primary_key="id"), [task(splits={})], "at least one split"),
        (Table("t", PLAIN, primary_key="id"), [task(window=dt.timedelta(1), known_at="at")], "both a window"),
    ],
)
def test_contradictions_are_refused(tmp_path: Path, table: Table, tasks: list[Task], message: str) -> None:
    with pytest.raises(BuildError, match=message):
        build_store(tmp_path / "store", [table], tasks)
    assert list(tmp_path.iterdir()) == []


# As a caller without a type checker knows them.
UNTYPED: list[Any] = [Column, Table, build_store, HashedEmbedder]
column, table, build, hashed = UNTYPED


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: column("float"), "Column.encoding is 'float'; expected number, text, datetime, boolean"),
        (lambda: column(known_at=7), "Column.known_at is 7; expected str or None"),
        (lambda: table(7, PLAIN), "Table.name is 7; expected str"),
        (lambda: table("t", PLAIN, primary_key=["id"]), "Table.primary_key is"),
        (lambda: table("t", PLAIN, foreign_keys=["id"]), "Table.foreign_keys is"),
        (lambda: table("t", PLAIN, foreign_keys={"id": None}), r"mapping from \(str\) to \(str\)"),
        (lambda: table("t", PLAIN, columns={"x": "number"}), r"mapping from \(str\) to \(Column\)"),
        (lambda: table("t", PLAIN, missing_time="often"), "expected never, always"),
        (lambda: task(task_type="ranking"), "expected binary_classification, regression"),
        (lambda: task(splits=[PLAIN]), "Task.splits is"),
        (lambda: task(splits={"dev": PLAIN}), "train, val, test"),
        (lambda: task(window=7), "Task.window is 7; expected timedelta or None"),
        (lambda: task(hidden_columns="x"), "Task.hidden_columns is 'x'; expected a sequence"),
        (lambda: build("s", [PLAIN]), "tables is"),
        (lambda: build("s", None), "tables is None"),
        (lambda: build("s", [], [PLAIN]), "tasks is"),
        (lambda: build(7, []), "out is 7; expected str or a path"),
        (lambda: build("s", [], on_unresolved="drop"), "expected error, null"),
        (lambda: build("s", [], progress=7), "progress is 7"),
        (lambda: build("s", [], embedder=7), "expected a name, a width, a fingerprint and embed"),
        (lambda: build("s", [], provenance={1: math.nan}), "provenance is no JSON"),
        (lambda: hashed("7"), "width is '7'; expected int"),
        (lambda: hashed(0), "width is 0; expected 1 to"),
    ],
)
def test_wrong_types_and_words_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[], Any], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BuildError, match=message):
        make()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (lambda pd: [1j], "ArrowNotImplementedError"),
        (lambda pd: pd.Series([1, "a"], dtype=object), "ArrowInvalid"),
        (lambda pd: pd.Series([{"a": 1}, [1]], dtype=object), "ArrowInvalid"),
        (lambda pd: pd.Series(["\ud800"], dtype=object), "UnicodeEncodeError"),
        (lambda pd: pd.arrays.SparseArray([0, 1]), "TypeError"),
    ],
)
def test_values_that_arrow_has_no_type_for_are_named_with_their_column(
    tmp_path: Path, column: Callable[[Any], Any], kind: str
) -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"x": column(pd)}).assign(y=1.0)[["y", "x"]]
    for rows in (frame, lambda: frame):
        with pytest.raises(BuildError, match=rf"as Arrow: {kind}: .* \(table t, column x\)") as caught:
            build_store(tmp_path / "store", [Table("t", rows)])
        assert (caught.value.table, caught.value.column) == ("t", "x")
    assert list(tmp_path.iterdir()) == []


def test_two_columns_of_a_frame_with_one_name_are_an_error_of_the_table(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    with pytest.raises(BuildError, match=r"Duplicate column names .* \(table t\)"):
        build_store(tmp_path / "store", [Table("t", pd.DataFrame([[1, 2]], columns=["x", "x"]))])


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_infinities_are_named_with_their_place(tmp_path: Path, value: float) -> None:
    with pytest.raises(CellValueError, match="inf") as caught:
        build_store(tmp_path / "store", [Table("t", pa.table({"x": [1.0, 2.0, value]}))])
    assert (caught.value.table, caught.value.column, caught.value.row) == ("t", "x", 2)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.row) == (str(caught.value), 2)


def test_a_boolean_is_zero_or_one(tmp_path: Path) -> None:
    with pytest.raises(CellValueError, match="2 where a boolean"):
        build_store(
            tmp_path / "store", [Table("t", pa.table({"x": [0, 1, 2]}), columns={"x": Column("boolean")})]
        )


def test_a_label_needs_its_timestamp(tmp_path: Path) -> None:
    rows = pa.table({"key": [1], "ts": pa.nulls(1, pa.date32()), "y": [1.0]})
    with pytest.raises(CellValueError, match="no timestamp"):
        build_store(tmp_path / "s", [Table("t", PLAIN, primary_key="id")], [task(splits={"test": rows})])


@pytest.mark.parametrize(
    "moment", ["2020-01-01", 2**70, 1.5, True, np.datetime64("NaT", "us"), dt.date(2020, 1, 1)]
)
def test_a_cut_that_is_no_moment_is_refused(tmp_path: Path, moment: Any) -> None:
    table = Table("a", pa.table({"x": [1.0]}))
    with pytest.raises(BuildError, match="a moment is a datetime"):
        build_store(tmp_path / "store", [table], val_timestamp=moment)
    assert not (tmp_path / "store").exists()
