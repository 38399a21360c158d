"""RelBench directories: what is written is what RelBench and `read_directory` read."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import relbench
import yaml
from hypothesis import given
from hypothesis import strategies as st

from plurel.errors import DatabaseError, RequestError
from plurel.relbench_io import read_directory, read_origin, write, write_directory
from plurel.relbench_io.moments import iso, microseconds
from plurel.schema import ForeignKey, Schema, Table
from plurel.tasks import TaskDefinition
from plurel.validate import validate_directory

Write = Callable[..., Path]


def _digests(root: Path) -> dict[str, str]:
    return {
        str(file.relative_to(root)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(root.rglob("*"))
        if file.is_file()
    }


def test_relbench_3_loads_the_tables_with_their_keys(
    shop: Path, shop_frames: dict[str, pd.DataFrame]
) -> None:
    database = relbench.load_dataset(shop).get_db(upto_test_timestamp=False)
    assert set(database.table_dict) == set(shop_frames)
    orders = database.table_dict["orders"]
    assert (orders.pkey_col, orders.time_col) == ("order_id", "ordered_at")
    assert orders.fkey_col_to_pkey_table == {"customer_id": "customers"}
    assert orders.df["customer_id"].dtype == "Int64"
    for name, frame in shop_frames.items():
        pd.testing.assert_frame_equal(database.table_dict[name].df, frame, check_dtype=False)


def test_rows_after_the_test_cut_are_left_out_by_relbench(shop: Path, shop_cuts: tuple[Any, Any]) -> None:
    orders = relbench.load_dataset(shop).get_db().table_dict["orders"].df
    assert orders["ordered_at"].max() == shop_cuts[1]


@pytest.mark.parametrize("task", ["order-amount", "customer-orders"])
@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_relbench_makes_the_same_labels_again(shop: Path, task: str, split: str) -> None:
    dataset = relbench.load_dataset(shop)
    written = dataset.load_task(task).get_table(split, mask_input_cols=False).df
    made = dataset.load_task(task, regenerate=True).get_table(split, mask_input_cols=False).df
    pd.testing.assert_frame_equal(written, made.reset_index(drop=True), check_dtype=False)


def test_relbench_scores_an_external_task(shop: Path) -> None:
    task = relbench.load_dataset(shop).load_task("order-paid")
    truth = task.get_table("test", mask_input_cols=False).df["paid"].to_numpy()
    assert task.evaluate(truth.astype(float)) == {"roc_auc": 1.0}


def test_relbench_never_sees_columns_that_give_the_label_away(shop: Path) -> None:
    orders = relbench.load_dataset(shop).load_task("order-amount").get_db().table_dict["orders"].df
    assert not {"amount", "delivered_at"} & set(orders)


def test_files_carry_the_keys_for_relbench_1_and_2_and_pandas_own_metadata(shop: Path) -> None:
    metadata = pq.read_schema(shop / "db" / "orders.parquet").metadata
    assert json.loads(metadata[b"fkey_col_to_pkey_table"]) == {"customer_id": "customers"}
    assert json.loads(metadata[b"pkey_col"]) == "order_id"
    assert json.loads(metadata[b"time_col"]) == "ordered_at"
    assert b"pandas" in metadata
    labels = pq.read_schema(shop / "tasks" / "order-amount" / "train.parquet").metadata
    assert json.loads(labels[b"fkey_col_to_pkey_table"]) == {"order_id": "orders"}
    assert json.loads(labels[b"pkey_col"]) is None


def test_the_same_database_is_the_same_bytes(write_shop: Write) -> None:
    assert _digests(write_shop("once")) == _digests(write_shop("again"))


def test_a_failed_writing_leaves_nothing_behind(
    write_shop: Write, shop_frames: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    broken = shop_frames | {"reviews": shop_frames["reviews"].drop(columns="written_at")}
    with pytest.raises(DatabaseError, match="reviews has no column 'written_at'"):
        write_shop(tables=broken)
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_there_is_never_overwritten(write_shop: Write) -> None:
    before = _digests(write_shop())
    with pytest.raises(RequestError, match="is already there"):
        write_shop(name="another")
    assert _digests(write_shop("other").with_name("shop")) == before


def test_of_two_writers_of_one_directory_the_first_wins_and_the_second_is_told(
    write_shop: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = write._sync

    def overtaken(scratch: Path) -> None:
        monkeypatch.setattr(write, "_sync", sync)
        write_shop()
        sync(scratch)

    monkeypatch.setattr(write, "_sync", overtaken)
    with pytest.raises(RequestError, match="shop is already there"):
        write_shop(name="another")
    (left,) = write_shop("other").parent.glob("shop*")
    assert read_directory(left).name == "shop"


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        (
            "customer_id",
            [6] * 90,
            r"orders\.customer_id must hold row numbers 0\.\.5, got 6 at row 0 \(90 such",
        ),
        ("customer_id", [-1] * 90, r"must hold row numbers 0\.\.5, got -1"),
        ("customer_id", [0.5] * 90, "must hold row numbers"),
        ("customer_id", ["a"] * 90, "must hold row numbers"),
        ("order_id", range(1, 91), r"orders\.order_id must be 0\.\.89 in row order"),
        ("ordered_at", range(90), r"orders\.ordered_at must hold timestamps, not int64"),
        ("ordered_at", pd.date_range("2020", periods=90)[::-1], "orders must be sorted by ordered_at"),
        ("ordered_at", [pd.NaT, *pd.date_range("2020", periods=89)], "rows without one last"),
        ("ordered_at", pd.date_range("2020", periods=90, tz="UTC"), r"orders\.ordered_at has a time zone"),
    ],
)
def test_keys_and_times_that_cannot_be_right_are_refused_by_name(
    write_shop: Write, shop_frames: dict[str, pd.DataFrame], column: str, values: Any, message: str
) -> None:
    orders = shop_frames["orders"].assign(**{column: values})
    with pytest.raises(DatabaseError, match=message):
        write_shop(tables=shop_frames | {"orders": orders})


@pytest.mark.parametrize("name", ["tasks", "timestamps", "Timestamps"])
def test_reserved_table_names_are_refused(tmp_path: Path, name: str) -> None:
    schema = Schema(tables=[Table(name=name, rows=0, role="entity")])
    with pytest.raises(DatabaseError, match="reserved"):
        write_directory(
            tmp_path / "x",
            name="x",
            tables={name: pd.DataFrame()},
            schema=schema,
            val_timestamp=0,
            test_timestamp=1,
        )


def test_cuts_must_be_midnights_because_manifests_hold_dates(write_shop: Write) -> None:
    with pytest.raises(DatabaseError, match=r"test_timestamp must be a midnight.* got 2020-03-01T12:00:00"):
        write_shop(test_timestamp=pd.Timestamp("2020-03-01 12:00"))


def test_a_frame_without_a_table_in_the_schema_is_refused(
    write_shop: Write, shop_frames: dict[str, pd.DataFrame]
) -> None:
    with pytest.raises(DatabaseError, match="only one of them has returns"):
        write_shop(tables=shop_frames | {"returns": shop_frames["reviews"]})


def test_a_task_split_without_rows_is_refused(write_shop: Write, shop_tasks: list[TaskDefinition]) -> None:
    amount = shop_tasks[0]
    empty = attrs.evolve(amount, splits={**amount.splits, "val": amount.splits["val"].head(0)})
    with pytest.raises(DatabaseError, match="task order-amount, val has no rows"):
        write_shop(tasks=[empty])


def test_reading_tells_what_was_written(shop: Path) -> None:
    directory = read_directory(shop)
    assert directory.name == "shop"
    assert (iso(directory.val_timestamp), iso(directory.test_timestamp)) == ("2020-02-10", "2020-03-01")
    orders = directory.tables["orders"]
    assert orders.file == shop / "db" / "orders.parquet"
    assert (orders.primary_key, orders.time_column) == ("order_id", "ordered_at")
    assert orders.foreign_keys == {"customer_id": "customers"}
    assert orders.known_at == {"amount": "delivered_at", "delivered_at": "delivered_at"}
    assert orders.missing_time == "never"
    assert list(directory.tasks) == ["customer-orders", "order-amount", "order-paid"]


def test_a_task_that_lost_its_manifest_is_left_out_with_a_word(
    shop: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (shop / "tasks" / "order-paid" / "manifest.yaml").unlink()
    assert list(read_directory(shop).tasks) == ["customer-orders", "order-amount"]
    assert "order-paid has labels but no manifest.yaml; this task is left out" in caplog.text


def test_reading_tells_when_labels_are_known_and_what_gives_them_away(shop: Path) -> None:
    tasks = read_directory(shop).tasks
    assert tasks["order-amount"].known_at == "delivered_at"
    assert set(tasks["order-amount"].hidden) == {"amount", "delivered_at"}
    assert tasks["order-paid"].known_at is None
    assert tasks["customer-orders"].timedelta == 10 * 86_400_000_000
    assert set(tasks["order-paid"].files) == {"train", "val", "test"}


def test_an_autocomplete_label_is_known_when_its_column_is(shop: Path) -> None:
    notes = yaml.safe_load((shop / "columns.yaml").read_text())
    del notes["tasks"]
    (shop / "columns.yaml").write_text(yaml.safe_dump(notes))
    task = read_directory(shop).tasks["order-amount"]
    assert task.known_at == "delivered_at"
    assert task.hidden == ("amount", "delivered_at")


def test_an_autocomplete_manifest_may_leave_the_entity_to_its_table(shop: Path) -> None:
    file = shop / "tasks" / "order-amount" / "manifest.yaml"
    spec = yaml.safe_load(file.read_text())
    del spec["entity_col"], spec["time_col"]
    file.write_text(yaml.safe_dump(spec))
    task = read_directory(shop).tasks["order-amount"]
    assert (task.entity_col, task.time_col) == ("order_id", "ordered_at")


def test_a_directory_without_columns_yaml_reads_as_known_with_its_rows(shop: Path) -> None:
    (shop / "columns.yaml").unlink()
    directory = read_directory(shop)
    assert all(not table.known_at and not table.encodings for table in directory.tables.values())


def test_stated_encodings_and_rows_without_time_are_read(shop: Path) -> None:
    (shop / "columns.yaml").write_text(
        yaml.safe_dump({"orders": {"missing_time": "always", "note": {"encoding": "category"}}})
    )
    orders = read_directory(shop).tables["orders"]
    assert orders.missing_time == "always"
    assert orders.encodings == {"note": "category"}


def test_recommendation_tasks_are_named_apart(shop: Path) -> None:
    (shop / "tasks" / "next").mkdir()
    (shop / "tasks" / "next" / "manifest.yaml").write_text("{name: next, task_type: recommendation}")
    directory = read_directory(shop)
    assert directory.other_tasks == ("next",)
    assert "next" not in directory.tasks


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("manifest.yaml", "a: [", "is not YAML"),
        ("manifest.yaml", "- a", "must hold a mapping"),
        ("manifest.yaml", "val_timestamp: soon", "val_timestamp"),
        ("columns.yaml", "orders: {amount: {encoding: money}}", "encoding must be one of number, boolean"),
        ("columns.yaml", "orders: {missing_time: sometimes}", "missing_time must be one of never, always"),
        ("columns.yaml", "orders: {amount: {known_at: 3}}", "known_at must be a string, got 3"),
        ("columns.yaml", "tasks: {order-paid: {hidden: paid}}", "hidden must be a list of columns"),
        ("tasks/order-paid/manifest.yaml", "{kind: external, entity_table: nobody}", "names no table"),
        ("tasks/order-paid/manifest.yaml", "{kind: guess}", "kind must be one of forecast"),
        ("tasks/order-paid/manifest.yaml", "{kind: external, entity_table: orders}", "target_col is missing"),
    ],
)
def test_a_file_that_cannot_be_understood_is_named(shop: Path, file: str, text: str, message: str) -> None:
    (shop / file).write_text(text)
    with pytest.raises(DatabaseError, match=f"{file}.*{message}"):
        read_directory(shop)


@given(draw=st.data())
def test_whatever_stands_in_a_file_is_read_or_refused(
    kept_shop: Path,
    change_anything: Callable[[Path, st.DataObject], Path],
    draw: st.DataObject,
) -> None:
    root = change_anything(kept_shop, draw)
    with contextlib.suppress(DatabaseError):
        assert set(read_directory(root).tasks) <= {"customer-orders", "order-amount", "order-paid"}


def test_a_folder_that_is_no_database_is_a_wrong_request(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="holds no manifest"):
        read_directory(tmp_path)
    with pytest.raises(RequestError, match="is not a directory"):
        read_directory(tmp_path / "nowhere")


@given(st.datetimes())
def test_moments_survive_their_iso_spelling(moment: Any) -> None:
    assert microseconds(iso(microseconds(moment))) == microseconds(moment)


@pytest.mark.parametrize("value", [None, True, 1.5, "soon", pd.Timestamp("2020-01-01", tz="UTC")])
def test_what_is_no_moment_without_a_zone_is_refused(value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each value has its own words
        microseconds(value)


@given(
    keys=st.lists(st.none() | st.integers(0, 4), min_size=1, max_size=40),
    numbers=st.data(),
)
def test_nullable_keys_and_missing_cells_read_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, keys: list[int | None], numbers: st.DataObject
) -> None:
    cells = numbers.draw(
        st.lists(
            st.none() | st.floats(allow_nan=False, allow_infinity=False),
            min_size=len(keys),
            max_size=len(keys),
        )
    )
    child = pd.DataFrame({"parent_id": pd.array(keys, dtype="Int64"), "x": np.array(cells, dtype=float)})
    schema = Schema(
        tables=[
            Table(name="parent", rows=5, role="entity", primary_key="id"),
            Table(
                name="child",
                rows=len(keys),
                role="entity",
                foreign_keys=[ForeignKey(column="parent_id", parent="parent", nullable=True)],
            ),
        ]
    )
    out = write_directory(
        tmp_path_factory.mktemp("round") / "db",
        name="round",
        tables={"parent": pd.DataFrame({"id": range(5)}), "child": child},
        schema=schema,
        val_timestamp=0,
        test_timestamp=86_400_000_000,
    )
    pd.testing.assert_frame_equal(pd.read_parquet(out / "db" / "child.parquet"), child)


def _say(root: Path, **changed: Any) -> None:
    file = root / "manifest.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), **changed}))


@pytest.mark.parametrize("name", ["../outside", "/outside", "..", "a\\b", "C:x", "a\0b", "x" * 300])
def test_a_name_that_leads_out_of_its_folder_is_refused(shop: Path, name: str) -> None:
    _say(shop, name=name)
    with pytest.raises(DatabaseError, match="name must be able to name a directory"):
        read_directory(shop)
    assert any("name must be able to name a directory" in str(breach) for breach in validate_directory(shop))


def test_a_table_s_name_that_leads_out_of_its_folder_is_refused(shop: Path) -> None:
    _say(shop, tables={"../../outside": {}})
    with pytest.raises(DatabaseError, match="a table must be able to name a file"):
        read_directory(shop)
    assert any("a table must be able to name a file" in str(breach) for breach in validate_directory(shop))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_a_damaged_plurel_json_is_named(shop: Path, content: bytes) -> None:
    (shop / "plurel.json").write_bytes(content)
    with pytest.raises(DatabaseError, match=r"plurel\.json is damaged"):
        read_origin(shop)


def test_a_manifest_that_nobody_can_follow_is_named(shop: Path) -> None:
    (shop / "manifest.yaml").write_text("x: " + "[" * 3000)
    with pytest.raises(DatabaseError, match=r"manifest\.yaml .* nested too deeply"):
        read_directory(shop)


def test_a_cut_beyond_all_time_is_refused(shop: Path) -> None:
    _say(shop, val_timestamp=10**30)
    with pytest.raises(DatabaseError, match="val_timestamp: microseconds have 64 bits"):
        read_directory(shop)
