"""What a build makes of tables, what it refuses, and what opening a damaged store says."""

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
    CellValueError,
    Column,
    ContextConfig,
    ContextError,
    HashedEmbedder,
    Sampler,
    Store,
    StoreExistsError,
    StoreFormatError,
    StoreIOError,
    StoreMissingError,
    Table,
    Target,
    Task,
    UnresolvedKeyError,
    build_store,
    verify_store,
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


# ---------------------------------------------------------------------- what is refused


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


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_infinities_are_named_with_their_place(tmp_path: Path, value: float) -> None:
    with pytest.raises(CellValueError, match="inf") as caught:
        built(tmp_path, Table("t", pa.table({"x": [1.0, 2.0, value]})))
    assert (caught.value.table, caught.value.column, caught.value.row) == ("t", "x", 2)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.row) == (str(caught.value), 2)


def test_a_boolean_is_zero_or_one(tmp_path: Path) -> None:
    with pytest.raises(CellValueError, match="2 where a boolean"):
        built(tmp_path, Table("t", pa.table({"x": [0, 1, 2]}), columns={"x": Column("boolean")}))


def test_a_label_needs_its_timestamp(tmp_path: Path) -> None:
    rows = pa.table({"key": [1], "ts": pa.nulls(1, pa.date32()), "y": [1.0]})
    with pytest.raises(CellValueError, match="no timestamp"):
        build_store(tmp_path / "s", [Table("t", PLAIN, primary_key="id")], [task(splits={"test": rows})])


# ---------------------------------------------------------------------- whole or not at all


def test_nothing_is_overwritten_unless_it_is_a_store_and_one_asks(
    make_shop: MakeShop, tmp_path: Path
) -> None:
    make_shop()
    with pytest.raises(StoreExistsError, match="overwrite"):
        make_shop()
    assert make_shop(overwrite=True).num_rows == 55
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "precious").touch()
    with pytest.raises(StoreExistsError, match="no store"):
        make_shop("other", overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "shop"]


def test_an_error_of_the_caller_comes_back_as_it_was(make_shop: MakeShop, tmp_path: Path) -> None:
    def stop(words: str, share: float) -> None:
        assert 0 <= share < 1
        if words.startswith("packing"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_shop(progress=stop)

    class Broken:
        name, width, fingerprint = "broken", 4, "1"

        def embed(self, texts: list[str]) -> Any:
            raise RuntimeError("out of words")

    with pytest.raises(RuntimeError, match="out of words"):
        make_shop(embedder=Broken())
    assert list(tmp_path.iterdir()) == []


def test_vectors_can_be_added_later(make_shop: MakeShop) -> None:
    store = make_shop(embedder=None)
    with pytest.raises(ContextError, match="it has those of: none"):
        Sampler([store], [Target(0, "task", "again")], embedder="hashed")
    cells = (store.path / "cells.bin").stat().st_mtime_ns
    richer = store.with_embeddings(HashedEmbedder(8))
    assert (store.path / "cells.bin").stat().st_mtime_ns == cells
    assert Store.open(store.path, "checksums").info["embeddings"]["hashed"]["width"] == 8
    same = make_shop("other", embedder=HashedEmbedder(8))
    found, expected = (
        each.info["files"][each.info["embeddings"]["hashed"]["file"]] for each in (richer, same)
    )
    assert found == expected
    assert {file.name for file in store.path.iterdir()} == {*richer.info["files"], "store.json"}
    assert len(Sampler([richer], [Target(0, "task", "again")], embedder="hashed")) == 8


def test_vectors_are_those_of_the_store_that_lies_there_now(make_shop: MakeShop) -> None:
    store = make_shop()
    strings = store.strings
    longer = Table("longer", pa.table({"note": [f"note {row}" for row in range(99)]}))
    now = build_store(store.path, [longer], overwrite=True)
    richer = store.with_embeddings(HashedEmbedder(8))
    assert len(richer.strings) == len(now.strings) > len(strings)
    assert verify_store(store.path) == []


@pytest.mark.parametrize("killed", ["before the new description", "after it"])
def test_whoever_is_killed_while_replacing_vectors_leaves_a_whole_store(
    make_shop: MakeShop, killed: str
) -> None:
    store = make_shop()
    before = {file.name: file.read_bytes() for file in store.path.iterdir()}
    store.with_embeddings(HashedEmbedder(8))
    after = {file.name: file.read_bytes() for file in store.path.iterdir()}
    vectors = {name for name in {*before, *after} if name.startswith("embeddings.")}
    assert len(vectors) == 2
    for name, content in (before | after if killed == "after it" else after | before).items():
        (store.path / name).write_bytes(content)
    width = 8 if killed == "after it" else 16
    assert Store.open(store.path, "checksums").info["embeddings"]["hashed"]["width"] == width
    again = store.with_embeddings(HashedEmbedder(8))
    assert {file.name for file in store.path.iterdir()} == {*again.info["files"], "store.json"}
    assert verify_store(store.path) == []


@pytest.mark.parametrize("room", [100, 2000])
def test_a_full_disk_leaves_a_store_as_it_was(make_shop: MakeShop, room: int) -> None:
    resource = pytest.importorskip("resource")
    store = make_shop()
    before = {file: file.read_bytes() for file in store.path.parent.rglob("*") if file.is_file()}
    vectors = 64 + 2 * len(store.strings)
    assert 100 < vectors < 2000 < (store.path / "store.json").stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
    try:
        with pytest.raises(StoreIOError, match="cannot write"):
            store.with_embeddings(HashedEmbedder(1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {file: file.read_bytes() for file in store.path.parent.rglob("*") if file.is_file()} == before


def test_vectors_of_the_wrong_shape_are_refused(make_shop: MakeShop) -> None:
    class Wide:
        name, width, fingerprint = "wide", 4, "1"

        def embed(self, texts: list[str]) -> Any:
            return np.zeros((len(texts), 5), np.float32)

    with pytest.raises(BuildError, match=r"\[\d+, 5\] where \[\d+, 4\] was expected"):
        make_shop(embedder=Wide())

    class Flat(Wide):
        def embed(self, texts: list[str]) -> Any:
            return [0.0] * len(texts)

    with pytest.raises(BuildError, match=r"embedder wide gave .*list.* where \[\d+, 4\] was expected"):
        make_shop(embedder=Flat())


def test_names_of_embedders_never_share_a_file(make_shop: MakeShop) -> None:
    class Named(HashedEmbedder):
        name = "a--b"

    with pytest.raises(BuildError, match="single - only"):
        make_shop(embedder=Named(4))


def test_what_could_not_be_read_again_is_never_published(tmp_path: Path) -> None:
    nested: dict[str, Any] = {}
    for _ in range(126):
        nested = {"in": nested}
    with pytest.raises(BuildError, match="recursion"):
        built(tmp_path, Table("t", PLAIN), provenance=nested)
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------- damage


class Other(HashedEmbedder):
    name = "other"


def use(path: Path) -> None:
    """Opens a store and makes every context of it."""
    store = Store.open(path)
    for targets in (
        [Target(0, "task", "again")],
        [Target(0, "column", "orders.note"), Target(0, "column", "users.age")],
    ):
        sampler = Sampler(
            [store], targets, ContextConfig(64, 8), embedder="hashed", shuffle=False, num_threads=1
        )
        sampler.batch(np.arange(len(sampler)))
    store.with_embeddings(Other(4))
    store.strings.to_pylist()


def complaint(path: Path) -> str | None:
    """The file that using a damaged store complains of, or None; nothing but a typed error may come."""
    try:
        use(path)
    except StoreFormatError as error:
        return error.file
    return None


FILES = [
    "store.json",
    "cells.bin",
    "parents.bin",
    "times.bin",
    "children.offsets",
    "children.bin",
    "text.arrow",
    "embeddings.hashed.bin",
]


@pytest.mark.parametrize("file", FILES)
def test_flipped_bytes_are_typed_errors_and_checksums_find_them(make_shop: MakeShop, file: str) -> None:
    store = make_shop()
    path, description = store.path / file, store.path / "store.json"
    whole, described = path.read_bytes(), description.read_bytes()
    for position in np.linspace(0, len(whole) - 1, 40).astype(int):
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        path.write_bytes(damaged)
        with pytest.raises(StoreFormatError):
            Store.open(store.path, "checksums")
        assert complaint(store.path) in (None, str(path))
        description.write_bytes(described)
        path.write_bytes(whole)
        for added in store.path.glob("embeddings.other*.bin"):
            added.unlink()
        Store.open(store.path, "checksums")


@pytest.mark.parametrize("file", FILES)
def test_cut_files_do_not_open(make_shop: MakeShop, file: str) -> None:
    store = make_shop()
    path = store.path / file
    whole = path.read_bytes()
    for length in np.linspace(0, len(whole) - 1, 12).astype(int):
        path.write_bytes(whole[:length])
        with pytest.raises(StoreFormatError):
            Store.open(store.path)
    path.unlink()
    with pytest.raises(StoreMissingError if file == "store.json" else StoreFormatError):
        Store.open(store.path)


def test_a_newer_format_says_so(make_shop: MakeShop) -> None:
    path = make_shop().path
    description = path / "store.json"
    description.write_text(description.read_text().replace('"version": 1', '"version": 2', 1))
    with pytest.raises(StoreFormatError, match="store format 2 where this version of plurel_sampler reads 1"):
        Store.open(path)


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


@pytest.mark.parametrize(
    "moment", ["2020-01-01", 2**70, 1.5, True, np.datetime64("NaT", "us"), dt.date(2020, 1, 1)]
)
def test_a_cut_that_is_no_moment_is_refused(tmp_path: Path, moment: Any) -> None:
    table = Table("a", pa.table({"x": [1.0]}))
    with pytest.raises(BuildError, match="a moment is a datetime"):
        build_store(tmp_path / "store", [table], val_timestamp=moment)
    assert not (tmp_path / "store").exists()
