"""What a build makes of tables, and how it is read. Not here: what it refuses (`test_store_refusals`)."""

from __future__ import annotations

import datetime as dt
import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurel_sampler import (
    NEVER,
    BuildError,
    Column,
    ContextError,
    Store,
    Table,
    UnresolvedKeyError,
    build_store,
)

MakeShop = Callable[..., Store]


def built(path: Path, *tables: Table, **options: Any) -> Store:
    return build_store(path / "store", list(tables), **options)


# ---------------------------------------------------------------------- what a store holds


def test_a_store_says_what_it_holds(make_shop: MakeShop) -> None:
    store = make_shop(provenance={"made": "for a test"})
    assert list(store.tables) == ["users", "orders", "again"]
    assert [column.encoding for column in store.tables["orders"].columns.values()] == [
        "datetime",
        "number",
        "boolean",
        "text",
        "datetime",
    ]
    assert store.tables["users"].columns["plan"].encoding == "category"
    assert store.tables["orders"].foreign_keys == {"user": "users"}
    assert store.tasks["again"].splits == {"train": (0, 8), "val": (8, 10), "test": (10, 12)}
    assert store.num_rows == 3 + 40 + 12
    assert store.num_cells == 3 * 2 + 40 * 5 + 12 * 2
    assert store.info["provenance"] == {"made": "for a test"}
    assert "2 tables, 1 tasks, 55 rows" in repr(store)
    names = store.strings.to_pylist()
    assert names[store.tables["orders"].columns["amount"].name_text] == "amount of orders"
    assert names[store.tables["again"].columns["again"].name_text] == "again of again"


def test_opening_gives_the_same_store(make_shop: MakeShop) -> None:
    store = make_shop()
    for verify in ("lengths", "checksums"):
        assert Store.open(store.path, verify=verify).info == store.info
    assert pickle.loads(pickle.dumps(store)).info == store.info
    with pytest.raises(ContextError, match="expected lengths, checksums"):
        Store.open(store.path, verify="no")  # type: ignore[arg-type]


def test_values_are_standardised_over_what_is_known_until_validation(tmp_path: Path) -> None:
    rows = pa.table(
        {
            "at": [dt.date(2020, 1, d) for d in (1, 2, 3, 4)],
            "seen": [dt.date(2020, 1, d) for d in (1, 9, 3, 4)],
            "x": [1.0, 2.0, 6.0, 1000.0],
            "y": [1.0, 1000.0, 6.0, 1000.0],
            "same": [5.0, 5.0, 5.0, 7.0],
        }
    )
    table = Table("t", rows, time_column="at", columns={"y": Column(known_at="seen")})
    store = built(tmp_path, table, val_timestamp=np.datetime64("2020-01-03"))
    columns = store.tables["t"].columns
    assert (columns["x"].count, columns["x"].mean) == (3, 3.0)
    assert columns["x"].std == pytest.approx(np.std([1, 2, 6], ddof=1))
    assert columns["y"].count == 2
    assert columns["y"].mean == 3.5
    assert (columns["same"].constant, columns["same"].std) == (True, 1.0)
    assert store.column_values("t", "same").tolist() == [0, 0, 0, 2]
    assert store.column_values("t", "x")[3] == pytest.approx(997 / np.std([1, 2, 6], ddof=1))
    pooled = store.info["datetime_pooled"]
    days = [18262 + d for d in (0, 1, 2, 0, 8, 2)]
    assert pooled["count"] == 6
    assert pooled["mean"] == pytest.approx(np.mean(days) * 86_400e6)
    assert pooled["std"] == pytest.approx(np.std(days) * 86_400e6)


def test_rows_without_time_count_when_what_they_hang_on_is_known(tmp_path: Path) -> None:
    days = [dt.date(2020, 1, d) for d in (1, 2, 9)]
    store = built(
        tmp_path,
        Table("notes", pa.table({"line": [2, 1], "words": [100.0, 3.0]}), foreign_keys={"line": "lines"}),
        Table(
            "lines",
            pa.table(
                {"id": [1, 2, 3], "of": [1, 3, None], "after": [None, 1, 1], "price": [1.0, 100.0, 3.0]}
            ),
            primary_key="id",
            foreign_keys={"of": "orders", "after": "lines"},
        ),
        Table("orders", pa.table({"id": [1, 2, 3], "at": days}), primary_key="id", time_column="at"),
        Table("loose", pa.table({"at": [None, *days[1:]], "x": [1.0, 3.0, 100.0]}), time_column="at",
              missing_time="always"),
        val_timestamp=dt.datetime(2020, 1, 5),  # noqa: DTZ001
    )  # fmt: skip
    for table, column, count, mean in (
        ("lines", "price", 2, 2.0),
        ("notes", "words", 1, 3.0),
        ("loose", "x", 2, 2.0),
    ):
        info = store.tables[table].columns[column]
        assert (info.count, info.mean) == (count, mean), table
        values = store.column_values(table, column)
        assert (values * info.std + info.mean).max() == pytest.approx(100), "rows that come later are kept"


def test_label_statistics_come_from_the_train_split(make_shop: MakeShop) -> None:
    label = make_shop().tables["again"].columns["again"]
    assert (label.encoding, label.count, label.mean) == ("boolean", 8, 0.5)


@given(
    values=st.lists(st.none() | st.floats(-1e9, 1e9) | st.just(math.nan), max_size=20),
    cut=st.integers(0, 20),
)
def test_any_numbers_survive_packing(values: list[float | None], cut: int) -> None:
    import tempfile

    column = pa.array(values, pa.float64())
    whole = pa.table({"x": column})
    parts = pa.Table.from_batches(
        [*whole.slice(0, cut).to_batches(), *whole.slice(cut).to_batches()], whole.schema
    )
    with tempfile.TemporaryDirectory() as folder:
        stores = [built(Path(folder) / str(i), Table("t", data)) for i, data in enumerate((whole, parts))]
        for store in stores:
            info = store.tables["t"].columns["x"]
            got = store.column_values("t", "x").astype(np.float64) * info.std + info.mean
            expected = np.array([math.nan if v is None else v for v in values])
            assert np.allclose(
                got, expected, rtol=1e-5, atol=1e-6 * max(1.0, info.std, abs(info.mean)), equal_nan=True
            )
        assert stores[0].info["tables"] == stores[1].info["tables"]


def test_every_arrow_type_finds_its_encoding(tmp_path: Path) -> None:
    import decimal

    rows = pa.table(
        {
            "decimal": pa.array([decimal.Decimal("1.5"), None]),
            "int8": pa.array([1, None], pa.int8()),
            "uint64": pa.array([2**40, None], pa.uint64()),
            "half": pa.array([np.float16(0.5), None], pa.float16()),
            "null": pa.nulls(2),
            "duration": pa.array([dt.timedelta(1), None]),
            "clock": pa.array([dt.time(1), None]),
            "second": pa.array([1, None], pa.timestamp("s")),
            "zoned": pa.array([1, None], pa.timestamp("ns", "Europe/Paris")),
            "date64": pa.array([dt.date(2020, 1, 1), None], pa.date64()),
            "view": pa.array(["a", None], pa.string_view()),
            "large": pa.array(["a", None], pa.large_string()),
            "coded": pa.array(["a", None]).dictionary_encode(),
        }
    )
    store = built(tmp_path, Table("t", rows))
    assert {name: info.encoding for name, info in store.tables["t"].columns.items()} == {
        **dict.fromkeys(["decimal", "int8", "uint64", "half", "null", "duration", "clock"], "number"),
        **dict.fromkeys(["second", "zoned", "date64"], "datetime"),
        **dict.fromkeys(["view", "large"], "text"),
        "coded": "category",
    }
    assert store.column_ids("t", "view").tolist() == [store.column_ids("t", "large")[0], -1]
    with pytest.raises(ContextError, match="column_values"):
        store.column_ids("t", "int8")
    with pytest.raises(BuildError, match="has no encoding") as caught:
        built(tmp_path / "list", Table("t", pa.table({"many": [[1], [2]]})))
    assert (caught.value.table, caught.value.column) == ("t", "many")


def test_categories_are_spelled_alike_whatever_holds_them(tmp_path: Path) -> None:
    rows = pa.table(
        {
            "whole": pa.array([1, 2, None], pa.int64()),
            "float": pa.array([1.0, 2.0, math.nan]),
            "single": pa.array([0.5, None, math.nan], pa.float32()),
            "zoned": pa.array([0, None, 1], pa.timestamp("s", "Europe/Paris")),
            "coded": pa.array([2.0, math.nan, 1.0]).dictionary_encode(),
        }
    )
    columns = {name: Column("category") for name in rows.column_names}
    store = built(tmp_path, Table("t", rows, columns=columns))
    names = store.strings.to_pylist()

    def spelled(column: str) -> list[str | None]:
        return [None if text < 0 else names[text] for text in store.column_ids("t", column)]

    assert spelled("whole") == spelled("float") == ["1", "2", None]
    assert spelled("single") == ["0.5", None, None]
    assert spelled("zoned") == ["1970-01-01T00:00:00", None, "1970-01-01T00:00:01"]
    assert spelled("coded") == ["2", None, "1"]


def test_data_may_be_a_file_or_a_function(tmp_path: Path) -> None:
    rows = pa.table({"x": [1.0, 2.0, 3.0]})
    pq.write_table(rows, tmp_path / "t.parquet")
    by_file = built(tmp_path / "a", Table("t", tmp_path / "t.parquet"))
    by_function = built(
        tmp_path / "b", Table("t", lambda: pa.RecordBatchReader.from_batches(rows.schema, rows.to_batches()))
    )
    assert by_file.info["files"] == by_function.info["files"]
    with pytest.raises(BuildError, match="no readable Parquet"):
        built(tmp_path / "c", Table("t", tmp_path / "absent.parquet"))
    with pytest.raises(BuildError, match="__arrow_c_stream__"):
        built(tmp_path / "d", Table("t", 7))  # type: ignore[arg-type]
    with pytest.raises(BuildError, match="__arrow_c_stream__") as caught:
        built(tmp_path / "d", Table("t", lambda: 7))  # type: ignore[arg-type, return-value]
    assert caught.value.table == "t"
    with pytest.raises(BuildError, match="no stream of record batches"):
        built(tmp_path / "d", Table("t", pa.chunked_array([[1, 2]])))
    answers = iter([rows, rows.slice(1)])
    with pytest.raises(BuildError, match="3 rows when first asked, 2 the second time"):
        built(tmp_path / "e", Table("t", lambda: next(answers)))


# ---------------------------------------------------------------------- keys


@pytest.mark.parametrize(
    ("parents", "keys", "expected"),
    [
        ([0, 1, 2], [2, None, 0], [2, -1, 0]),
        ([1, 2, 3], [3, 1, 2], [2, 0, 1]),
        ([30, 10, 20], [10, 20, 30], [1, 2, 0]),
        (["z", "a", ""], ["", "z", None], [2, 0, -1]),
        ([-5, 2**40, 7], [7.0, math.nan, 2.0**40], [2, -1, 1]),
    ],
    ids=["positions", "from-one", "unsorted", "strings", "floats"],
)
def test_keys_lead_to_the_rows_that_have_them(tmp_path: Path, parents: Any, keys: Any, expected: Any) -> None:
    store = built(
        tmp_path,
        Table("child", pa.table({"to": keys}), foreign_keys={"to": "parent"}),
        Table("parent", pa.table({"id": parents, "x": [1.0, 2.0, 3.0]}), primary_key="id"),
    )
    assert store.parent_ids("child", "to").tolist() == expected
    assert list(store.tables["parent"].columns) == ["x"], "keys are edges, not cells"


def test_keys_that_point_nowhere_are_an_error_or_counted(tmp_path: Path) -> None:
    tables = [
        Table("parent", pa.table({"id": [1, 2]}), primary_key="id"),
        Table("child", pa.table({"to": [1, 9, None, 8]}), foreign_keys={"to": "parent"}),
    ]
    with pytest.raises(
        UnresolvedKeyError, match="2 keys point at no row of parent, the first is 9"
    ) as caught:
        built(tmp_path, *tables)
    assert (caught.value.table, caught.value.column, caught.value.row) == ("child", "to", 1)
    assert list(tmp_path.iterdir()) == [], "a failed build leaves nothing behind"
    store = built(tmp_path, *tables, on_unresolved="null")
    assert store.parent_ids("child", "to").tolist() == [0, -1, -1, -1]
    (found,) = store.info["report"]["unresolved_keys"]
    assert (found["table"], found["column"], found["parent"], found["count"]) == ("child", "to", "parent", 2)


@pytest.mark.parametrize(
    ("parent", "child", "message"),
    [
        ({"id": [1, 1]}, {"to": [1]}, "primary key 1 is that of row 0"),
        ({"id": [1, None]}, {"to": [1]}, "primary key is missing"),
        ({"id": [1, 2]}, {"to": ["1"]}, "holds text where the primary key it points at holds integers"),
        ({"id": ["1"]}, {"to": [1]}, "holds integers where the primary key it points at holds text"),
        ({"id": [1, 2]}, {"to": [1.5]}, "whole number"),
    ],
)
def test_keys_that_cannot_be_are_refused(tmp_path: Path, parent: Any, child: Any, message: str) -> None:
    with pytest.raises(BuildError, match=message):
        built(
            tmp_path,
            Table("parent", pa.table(parent), primary_key="id"),
            Table("child", pa.table(child), foreign_keys={"to": "parent"}),
        )


# ---------------------------------------------------------------------- whole columns


def test_columns_come_as_arrays(make_shop: MakeShop) -> None:
    store = make_shop()
    day = 86_400_000_000
    origin = 18_262 * day
    assert store.known_times("orders").tolist() == [origin + row * day for row in range(40)]
    assert store.column_times("orders", "shipped").tolist() == [origin + (row + 2) * day for row in range(40)]
    assert store.column_times("again", "ts").tolist() == [origin + 3 * row * day for row in range(12)]
    assert store.known_times("again").tolist() == [origin + (3 * row + 2) * day + 1 for row in range(12)]
    assert set(store.known_times("users").tolist()) == {-(2**63)}
    assert NEVER == 2**63 - 1
    names = store.strings.to_pylist()
    assert [names[text] for text in store.column_ids("users", "plan")] == ["x", "y", "x"]
    for wrong in (("no", "x"), ("users", "no")):
        with pytest.raises(ContextError, match="no"):
            store.column_values(*wrong)
    with pytest.raises(ContextError):
        store.column_times("orders", "at")
    with pytest.raises(ContextError):
        store.locate(55)
    calls: list[Callable[[], Any]] = [
        lambda: store.locate("0"),  # type: ignore[arg-type]
        lambda: store.column_values(3, "x"),  # type: ignore[arg-type]
        lambda: store.column_ids("users", None),  # type: ignore[arg-type]
        lambda: store.parent_ids("orders", 3),  # type: ignore[arg-type]
        lambda: store.known_times(None),  # type: ignore[arg-type]
        lambda: store.column_times("orders", 3),  # type: ignore[arg-type]
        lambda: Store.open(3),  # type: ignore[arg-type]
    ]
    for call in calls:
        with pytest.raises(ContextError, match="expected"):
            call()
