"""`plurel validate`: each rule of the contract, broken on purpose, is named; a kept contract is silent."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from plurel.cli import main
from plurel.errors import RequestError
from plurel.validate import Breach, validate_directory

Break = Callable[[Path], None]


@pytest.fixture
def shop(shop: Path) -> Path:
    """The shop as somebody's own database, whose files may be edited: nobody recorded their checksums."""
    (shop / "plurel.json").write_text('{"from": "a test"}')
    return shop


def _yaml(file: str, change: Callable[[dict[str, Any]], None]) -> Break:
    """Change a YAML file in place."""

    def apply(root: Path) -> None:
        content = yaml.safe_load((root / file).read_text())
        change(content)
        (root / file).write_text(yaml.safe_dump(content, sort_keys=False))

    return apply


def _put(file: str, *path: str, to: Any) -> Break:
    """Put a value into a YAML file."""

    def change(content: dict[str, Any]) -> None:
        for key in path[:-1]:
            content = content[key]
        content[path[-1]] = to

    return _yaml(file, change)


def _drop(file: str, *path: str) -> Break:
    """Take a key out of a YAML file."""

    def change(content: dict[str, Any]) -> None:
        for key in path[:-1]:
            content = content[key]
        del content[path[-1]]

    return _yaml(file, change)


def _column(
    file: str, name: str, values: Callable[[list[Any]], Any], kind: pa.DataType | None = None
) -> Break:
    """Change a column of a Parquet file and leave its metadata."""

    def apply(root: Path) -> None:
        table = pq.read_table(root / file)
        index = table.schema.get_field_index(name)
        cells = values(table.column(name).to_pylist())
        array = pa.array(cells, type=kind or table.schema.field(name).type)
        changed = table.set_column(index, name, array).replace_schema_metadata(table.schema.metadata)
        pq.write_table(changed, root / file)

    return apply


def _rows(file: str, order: Callable[[int], Any]) -> Break:
    """Take other rows of a Parquet file."""

    def apply(root: Path) -> None:
        table = pq.read_table(root / file)
        pq.write_table(table.take(pa.array(order(table.num_rows), type=pa.int64())), root / file)

    return apply


def _metadata(file: str, key: bytes, value: bytes | None) -> Break:
    """Change a key of a Parquet file's metadata, or take it out."""

    def apply(root: Path) -> None:
        table = pq.read_table(root / file)
        kept = {name: text for name, text in table.schema.metadata.items() if name != key}
        pq.write_table(
            table.replace_schema_metadata(kept | ({key: value} if value is not None else {})), root / file
        )

    return apply


def _text(file: str, text: str) -> Break:
    def apply(root: Path) -> None:
        (root / file).write_text(text)

    return apply


def _remove(file: str) -> Break:
    return lambda root: (root / file).unlink()


def _first(value: Any) -> Callable[[list[Any]], list[Any]]:
    return lambda cells: [value, *cells[1:]]


def _rename(file: str, names: dict[str, str]) -> Break:
    def apply(root: Path) -> None:
        table = pq.read_table(root / file)
        renamed = table.rename_columns([names.get(name, name) for name in table.schema.names])
        pq.write_table(renamed.replace_schema_metadata(table.schema.metadata), root / file)

    return apply


CUSTOMERS, ORDERS, REVIEWS = (f"db/{name}.parquet" for name in ("customers", "orders", "reviews"))
AMOUNT, PAID, COUNT = (f"tasks/{name}" for name in ("order-amount", "order-paid", "customer-orders"))
MANIFEST = "manifest.yaml"

BREACHES: list[tuple[Break, str, str]] = [
    (_text(MANIFEST, "a: ["), "manifest", "is not YAML"),
    (_put(MANIFEST, "surprise", to=1), "manifest", "unknown keys surprise"),
    (_put(MANIFEST, "tables", "orders", "color", to="red"), "manifest", "unknown keys color"),
    (_put(MANIFEST, "tables", "orders", to=3), "manifest", "expected pkey, time_col and fkeys"),
    (_put(MANIFEST, "tables", to=[]), "manifest", "tables must map names to keys"),
    (_put(MANIFEST, "tables", "orders", "pkey", to=["a"]), "manifest", "pkey must name a column"),
    (_put(MANIFEST, "tables", "orders", "fkeys", to=["a"]), "manifest", "fkeys must map columns"),
    (_put(MANIFEST, "manifest_version", to=2), "manifest", "manifest_version must be 1"),
    (_drop(MANIFEST, "name"), "manifest", "name must be a string"),
    (_put(MANIFEST, "val_timestamp", to="2020-02-10 12:00"), "cuts", "must be a bare date"),
    (_put(MANIFEST, "test_timestamp", to="soon"), "cuts", "must be a bare date"),
    (_put(MANIFEST, "test_timestamp", to="2020-01-05"), "cuts", "must lie before"),
    (_put(MANIFEST, "tables", "timestamps", to={}), "names", "the name is reserved"),
    (_put(MANIFEST, "tables", "tasks", to={}), "names", "the name is reserved"),
    (_put(MANIFEST, "tables", "Orders", to={}), "names", "'orders' and 'Orders' differ only in case"),
    (_put(MANIFEST, "tables", "my table", to={}), "names", "must have a name without spaces"),
    (_rename(ORDERS, {"note": "Amount"}), "names", "'amount' and 'Amount' differ only in case"),
    (_put(MANIFEST, "tables", "reviews", "time_col", to="class"), "names", "no keyword"),
    (
        _put(MANIFEST, "tables", "reviews", "time_col", to="written at"),
        "names",
        "must be a Python identifier",
    ),
    (_put(MANIFEST, "tables", "orders", "fkeys", to={"my key": "customers"}), "names", "key 'my key'"),
    (_put(f"{PAID}/manifest.yaml", "target_col", to="is paid"), "names", "target 'is paid'"),
    (_remove(CUSTOMERS), "files", "the file is missing"),
    (_text(CUSTOMERS, "no parquet"), "files", "is not a Parquet file"),
    (_drop(MANIFEST, "tables", "reviews"), "files", "the manifest does not list this table"),
    (_put(MANIFEST, "tables", "customers", "pkey", to="id"), "files", "the file has none such"),
    (_rename(CUSTOMERS, {"name": "age"}), "files", "several columns are named age"),
    (
        _column(CUSTOMERS, "customer_id", lambda c: [x + 1 for x in c]),
        "primary-key",
        "row 0 holds 1 (6 such rows)",
    ),
    (_column(CUSTOMERS, "customer_id", _first(None)), "primary-key", "row 0 holds null (1 such rows)"),
    (
        _column(CUSTOMERS, "customer_id", lambda c: c, pa.float64()),
        "primary-key",
        "must hold integers, not double",
    ),
    (_column(ORDERS, "customer_id", _first(6)), "foreign-key", "1 values lie beyond the 6 rows"),
    (_column(ORDERS, "customer_id", _first(-1)), "foreign-key", "1 values are negative, the first -1"),
    (
        _column(ORDERS, "customer_id", _first(0.5), pa.float64()),
        "foreign-key",
        "must hold integers, not double",
    ),
    (_column(ORDERS, "customer_id", lambda c: list(map(str, c)), pa.string()), "foreign-key", "not string"),
    (_metadata(ORDERS, b"pandas", b'{"columns": []}'), "foreign-key", "must carry pandas' type Int64"),
    (_metadata(ORDERS, b"pandas", b"nothing"), "foreign-key", "must carry pandas' type Int64"),
    (_put(MANIFEST, "tables", "orders", "fkeys", to={"customer_id": "people"}), "foreign-key", "is no table"),
    (_put(MANIFEST, "tables", "customers", "pkey", to=None), "foreign-key", "which has no primary key"),
    (
        _column(ORDERS, "ordered_at", lambda c: c, pa.timestamp("us", "UTC")),
        "times",
        "without zone, not timestamp[us, tz=UTC]",
    ),
    (_column(ORDERS, "ordered_at", lambda c: c, pa.date32()), "times", "not date32"),
    (_column(ORDERS, "ordered_at", lambda c: list(map(str, c)), pa.string()), "times", "not string"),
    (
        _column(ORDERS, "ordered_at", lambda c: [*c[:-1], c[-1].replace(year=2039)]),
        "times",
        "2039-03-30, lies outside",
    ),
    (
        _column(ORDERS, "ordered_at", lambda c: [c[0].replace(year=1900), *c[1:]]),
        "times",
        "1900-01-01, lies outside",
    ),
    (
        _column(ORDERS, "ordered_at", lambda c: [c[1], c[0], *c[2:]]),
        "order",
        "row 1 breaks this (1 such rows)",
    ),
    (_column(ORDERS, "ordered_at", _first(None)), "order", "those without one last"),
    (_metadata(ORDERS, b"pkey_col", None), "metadata", "lacks the metadata 'pkey_col'"),
    (_metadata(ORDERS, b"time_col", b'"date"'), "metadata", "says 'date', the manifest 'ordered_at'"),
    (_metadata(ORDERS, b"fkey_col_to_pkey_table", b"?"), "metadata", "fkey_col_to_pkey_table"),
    (_metadata(REVIEWS, b"pandas", None), "metadata", "lacks pandas' own metadata"),
    (_metadata(f"{PAID}/val.parquet", b"time_col", None), "metadata", "lacks the metadata 'time_col'"),
    (_column(ORDERS, "amount", _first(float("inf"))), "values", "1 infinite values"),
    (_remove(f"{PAID}/manifest.yaml"), "task", "holds no manifest.yaml"),
    (_text(f"{PAID}/manifest.yaml", "a: ["), "task", "is not YAML"),
    (_put(f"{PAID}/manifest.yaml", "metrics", to=["f1"]), "task", "unknown keys metrics"),
    (_put(f"{PAID}/manifest.yaml", "name", to="paid"), "task", "name is 'paid', the folder's 'order-paid'"),
    (_put(f"{PAID}/manifest.yaml", "kind", to="guess"), "task", "kind must be one of"),
    (_put(f"{PAID}/manifest.yaml", "task_type", to="ranking"), "task", "task_type must be one of"),
    (_put(f"{PAID}/manifest.yaml", "entity_table", to="people"), "task", "'people' is no table"),
    (_drop(f"{AMOUNT}/manifest.yaml", "entity_col"), "task", "lacks entity_col"),
    (_drop(f"{COUNT}/manifest.yaml", "sql"), "task", "lacks sql"),
    (_put(f"{PAID}/manifest.yaml", "task_type", to="recommendation"), "task", "lacks src_entity_table"),
    (_put(f"{COUNT}/manifest.yaml", "timedelta", to="a while"), "task", "timedelta"),
    (_put(f"{COUNT}/manifest.yaml", "timedelta", to="0 days"), "task", "longer than nothing"),
    (_put(f"{COUNT}/manifest.yaml", "timedelta", to="60 days"), "task", "must not be longer than from"),
    (
        _put(f"{AMOUNT}/manifest.yaml", "remove_columns", to=[["orders", "gone"]]),
        "task",
        "orders.gone, which is not",
    ),
    (
        _put(f"{AMOUNT}/manifest.yaml", "remove_columns", to=[["orders", "amount"]]),
        "task",
        "names the target",
    ),
    (
        _put(f"{AMOUNT}/manifest.yaml", "remove_columns", to=[["orders", "order_id"]]),
        "task",
        "a key or a time",
    ),
    (_put(f"{AMOUNT}/manifest.yaml", "remove_columns", to=["amount"]), "task", "must hold pairs"),
    (_put(f"{AMOUNT}/manifest.yaml", "remove_columns", to="amount"), "task", "must be a list"),
    (
        _put(f"{COUNT}/manifest.yaml", "remove_columns", to=[["orders", "ordered_at"]]),
        "task",
        "from the task's own sql",
    ),
    (_remove(f"{PAID}/val.parquet"), "task", "the file is missing"),
    (_put(f"{AMOUNT}/manifest.yaml", "entity_col", to="customer_id"), "autocomplete", "must be 'order_id'"),
    (_put(f"{AMOUNT}/manifest.yaml", "time_col", to="delivered_at"), "autocomplete", "must be 'ordered_at'"),
    (_put(f"{AMOUNT}/manifest.yaml", "target_col", to="price"), "autocomplete", "'price' is no column"),
    (_put(f"{AMOUNT}/manifest.yaml", "target_col", to="customer_id"), "autocomplete", "is a key or the time"),
    (_put(f"{AMOUNT}/manifest.yaml", "entity_table", to="customers"), "autocomplete", "has no time column"),
    (_put(MANIFEST, "val_timestamp", to="2020-01-20"), "forecast", "room for 1 train windows"),
    (_put(MANIFEST, "test_timestamp", to="2020-03-28"), "forecast", "the data ends at 2020-03-30"),
    (_rows(f"{PAID}/train.parquet", lambda _: []), "labels", "has no rows"),
    (_text(f"{PAID}/train.parquet", "no parquet"), "labels", "is not a Parquet file"),
    (_rename(f"{PAID}/train.parquet", {"paid": "payed"}), "labels", "lacks the columns paid"),
    (_rows(f"{PAID}/train.parquet", lambda n: np.arange(n)[::-1]), "labels", "must be sorted by ordered_at"),
    (_rows(f"{PAID}/train.parquet", lambda n: [0, *range(n)]), "labels", "two labels at the same"),
    (
        _column(f"{PAID}/test.parquet", "order_id", _first(90)),
        "labels",
        "no row 0..89 of 'orders', the first 90",
    ),
    (_column(f"{PAID}/test.parquet", "order_id", _first(None)), "labels", "the first null"),
    (_column(f"{PAID}/test.parquet", "paid", _first(None)), "labels", "1 targets are null"),
    (
        _column(f"{PAID}/test.parquet", "paid", lambda c: [2 for _ in c], pa.int64()),
        "labels",
        "booleans, or 0 and 1",
    ),
    (_column(f"{PAID}/test.parquet", "ordered_at", _first(None)), "labels", "1 cutoffs are null"),
    (_column(f"{PAID}/test.parquet", "ordered_at", lambda c: c, pa.date32()), "times", "not date32"),
    (_column(f"{AMOUNT}/test.parquet", "amount", _first(float("nan"))), "labels", "1 targets are NaN"),
    (_column(f"{AMOUNT}/test.parquet", "amount", _first(float("inf"))), "values", "1 infinite values"),
    (
        _column(f"{AMOUNT}/test.parquet", "amount", lambda c: list(map(str, c)), pa.string()),
        "labels",
        "not string",
    ),
    (_column(f"{AMOUNT}/test.parquet", "amount", _first(77.0)), "labels", "1 targets are not the cells"),
    (
        _column(f"{AMOUNT}/train.parquet", "ordered_at", lambda c: [*c[:-1], c[-1].replace(hour=1)]),
        "labels",
        "times are not those",
    ),
    (_rows(f"{AMOUNT}/train.parquet", lambda n: range(n - 1)), "labels", "RelBench would make"),
    (_put(MANIFEST, "val_timestamp", to="2020-02-09"), "labels", "wrong side of a cut"),
    (
        _column(f"{COUNT}/val.parquet", "ordered_at", lambda c: [x.replace(day=11) for x in c]),
        "labels",
        "no whole windows",
    ),
    (_text("columns.yaml", "a: ["), "columns.yaml", "is not YAML"),
    (_put("columns.yaml", "people", to={}), "columns.yaml", "is no table"),
    (_put("columns.yaml", "orders", to=1), "columns.yaml", "expected a mapping"),
    (_put("columns.yaml", "orders", "amount", to=1), "columns.yaml", "expected known_at or encoding"),
    (_put("columns.yaml", "orders", "missing_time", to="often"), "columns.yaml", "never or always"),
    (_put("columns.yaml", "orders", "gone", to={}), "columns.yaml", "has no such column"),
    (_put("columns.yaml", "orders", "customer_id", to={}), "columns.yaml", "is a key"),
    (_put("columns.yaml", "orders", "amount", "seen_at", to="now"), "columns.yaml", "unknown keys seen_at"),
    (
        _put("columns.yaml", "orders", "amount", "known_at", to="note"),
        "columns.yaml",
        "must name a timestamp column",
    ),
    (
        _put("columns.yaml", "orders", "amount", "encoding", to="money"),
        "columns.yaml",
        "encoding must be one of",
    ),
    (_put("columns.yaml", "tasks", "gone", to={}), "columns.yaml", "is no task"),
    (_put("columns.yaml", "tasks", "order-paid", to=1), "columns.yaml", "expected known_at or hidden"),
    (
        _put("columns.yaml", "tasks", "order-paid", "known_at", to="note"),
        "columns.yaml",
        "must name a timestamp",
    ),
    (_put("columns.yaml", "tasks", "order-paid", "hidden", to=["gone"]), "columns.yaml", "names no columns"),
    (_put("columns.yaml", "tasks", "order-paid", "hidden", to="paid"), "columns.yaml", "must be a list"),
    (_text("plurel.json", '{"seed": '), "files", "plurel.json is damaged: it is no JSON"),
    (_text("plurel.json", "[1]"), "files", "it must hold an object, got a list"),
]


def test_a_directory_that_keeps_the_contract_has_no_breach(shop: Path) -> None:
    assert validate_directory(shop) == []


@pytest.mark.parametrize(
    ("breaks", "rule", "words"), BREACHES, ids=[f"{rule}: {words}" for _, rule, words in BREACHES]
)
def test_each_broken_rule_is_named(shop: Path, breaks: Break, rule: str, words: str) -> None:
    breaks(shop)
    found = validate_directory(shop)
    assert any(breach.rule == rule and words in breach.message for breach in found), found


def test_a_forecast_needs_a_row_where_its_validation_ends(shop: Path) -> None:
    def gap(cells: list[Any]) -> list[Any]:
        between = (dt.datetime(2020, 2, 20), dt.datetime(2020, 3, 1))  # noqa: DTZ001
        return [cell - dt.timedelta(days=90) if between[0] <= cell <= between[1] else cell for cell in cells]

    _column(ORDERS, "ordered_at", gap)(shop)
    _column(REVIEWS, "written_at", lambda cells: [cell - dt.timedelta(days=90) for cell in cells])(shop)
    assert any("where validation ends" in breach.message for breach in validate_directory(shop))


def test_an_autocomplete_table_without_primary_key_must_be_sorted_by_time(shop: Path) -> None:
    task = shop / "tasks" / "review-stars"
    task.mkdir()
    spec = yaml.safe_load((shop / AMOUNT / "manifest.yaml").read_text())
    spec |= {"name": "review-stars", "entity_table": "reviews", "entity_col": "primary_key"}
    spec |= {"target_col": "stars", "time_col": "written_at", "remove_columns": []}
    (task / "manifest.yaml").write_text(yaml.safe_dump(spec))
    assert not any(breach.rule == "autocomplete" for breach in validate_directory(shop))
    _rows(REVIEWS, lambda n: np.arange(n)[::-1])(shop)
    assert any("must be sorted by time" in breach.message for breach in validate_directory(shop))


def test_rows_without_a_time_are_no_breach_where_they_stand_last(shop: Path) -> None:
    _column(REVIEWS, "written_at", lambda cells: [*cells[:-2], None, None])(shop)
    assert validate_directory(shop) == []


def test_every_breach_is_listed_and_not_only_the_first(shop: Path) -> None:
    _put(MANIFEST, "surprise", to=1)(shop)
    _column(CUSTOMERS, "customer_id", lambda cells: [cell + 1 for cell in cells])(shop)
    _column(ORDERS, "customer_id", _first(-1))(shop)
    _metadata(REVIEWS, b"pandas", None)(shop)
    _remove(f"{PAID}/val.parquet")(shop)
    _put("columns.yaml", "people", to={})(shop)
    rules = [breach.rule for breach in validate_directory(shop)]
    assert set(rules) >= {"manifest", "primary-key", "foreign-key", "metadata", "task", "columns.yaml"}


@given(draw=st.data())
def test_whatever_stands_in_a_file_is_answered_with_breaches(
    kept_shop: Path, change_anything: Callable[[Path, st.DataObject], Path], draw: st.DataObject
) -> None:
    root = change_anything(kept_shop, draw)
    assert all(isinstance(breach, Breach) for breach in validate_directory(root))


def test_a_breach_says_where_it_is() -> None:
    assert str(Breach("times", "db/a.parquet, at", "is late")) == "db/a.parquet, at: is late [times]"


@pytest.mark.parametrize("file", [CUSTOMERS, ORDERS, f"{AMOUNT}/val.parquet", f"{COUNT}/test.parquet"])
def test_damaged_pages_behind_a_sound_footer_are_a_breach_and_hide_no_other(shop: Path, file: str) -> None:
    damaged = bytearray((shop / file).read_bytes())
    damaged[4:60] = b"\xff" * 56
    (shop / file).write_bytes(damaged)
    _put("columns.yaml", "people", to={})(shop)
    breaches = validate_directory(shop)
    assert ("files", file) in {(breach.rule, breach.where) for breach in breaches}
    assert "cannot be read" in str(breaches[0])
    assert breaches[-1].rule == "columns.yaml"


def test_a_folder_that_is_no_database_is_a_wrong_request(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="holds no manifest"):
        validate_directory(tmp_path)
    with pytest.raises(RequestError, match="is not a directory"):
        validate_directory(tmp_path / "nowhere")


def test_the_command_passes_a_kept_contract(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(shop)]) == 0
    assert capsys.readouterr().out.strip() == f"database {shop}: no breach"


def test_the_command_lists_breaches_and_fails(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _put(MANIFEST, "surprise", to=1)(shop)
    _put("columns.yaml", "people", to={})(shop)
    assert main(["validate", str(shop)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.rsplit(" ", 1)[1] for line in lines] == ["[manifest]", "[columns.yaml]", "breaches"]


def test_the_command_prints_one_json_document(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _put(MANIFEST, "surprise", to=1)(shop)
    assert main(["validate", str(shop), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is False
    assert [breach["rule"] for breach in document["breaches"]] == ["manifest"]


def test_the_command_calls_a_missing_path_a_wrong_request(tmp_path: Path) -> None:
    assert main(["validate", str(tmp_path / "nowhere")]) == 2
