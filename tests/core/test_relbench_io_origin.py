"""`plurel.json` belongs to the files beside it: another database's, and files that changed, are refused."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plurel.cli import main
from plurel.errors import DatabaseError
from plurel.relbench_io import checked_origin, read_directory, read_origin
from plurel.relbench_io.origin import check_contents
from plurel.validate import validate_directory

Write = Callable[..., Path]

SCHEMA: list[dict[str, Any]] = [
    {
        "name": "customers",
        "rows": 6,
        "primary_key": "customer_id",
        "time_column": None,
        "foreign_keys": [],
        "columns": [{"name": "name"}, {"name": "age"}],
    },
    {
        "name": "orders",
        "rows": 90,
        "primary_key": "order_id",
        "time_column": "ordered_at",
        "foreign_keys": [{"column": "customer_id", "parent": "customers"}],
        "columns": [{"name": name} for name in ("delivered_at", "amount", "paid", "note")],
    },
    {
        "name": "reviews",
        "rows": 30,
        "primary_key": None,
        "time_column": "written_at",
        "foreign_keys": [{"column": "order_id", "parent": "orders"}],
        "columns": [{"name": "stars"}],
    },
]


def changed(place: int, **values: Any) -> list[dict[str, Any]]:
    """The shop's schema with another value in one of its tables."""
    return [table | (values if at == place else {}) for at, table in enumerate(SCHEMA)]


def say(root: Path, **values: Any) -> None:
    """Put values into a `plurel.json`."""
    file = root / "plurel.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def check(root: Path, *, contents: bool = True) -> dict[str, Any] | None:
    return checked_origin(read_directory(root), contents=contents)


def test_every_other_file_is_recorded_with_its_checksum(kept_shop: Path) -> None:
    said = read_origin(kept_shop)
    assert said is not None
    assert said["name"] == "shop"
    files = {file.relative_to(kept_shop).as_posix(): file for file in kept_shop.rglob("*") if file.is_file()}
    del files["plurel.json"]
    assert said["sha256"] == {
        name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in files.items()
    }
    assert list(said["sha256"]) == sorted(files)


def test_a_database_that_is_as_it_was_written_passes(shop: Path) -> None:
    say(shop, schema=SCHEMA)
    assert check(shop) == read_origin(shop)
    assert validate_directory(shop) == []


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": "stall"}, "it names 'stall', manifest.yaml 'shop'"),
        ({"schema": SCHEMA[:2]}, "only manifest.yaml has a table 'reviews'"),
        ({"schema": [*SCHEMA, SCHEMA[0] | {"name": "gone"}]}, "only plurel.json has a table 'gone'"),
        (
            {"schema": changed(0, primary_key="id")},
            "'customers' has the primary key 'id' there, 'customer_id' ",
        ),
        ({"schema": changed(2, time_column=None)}, "'reviews' has the time column None there, 'written_at' "),
        ({"schema": changed(2, foreign_keys=[])}, "'reviews' has the foreign keys {} there, {'order_id': "),
        ({"schema": changed(0, columns=[])}, "'customers' has the features [] there, ['age', 'name'] here"),
        (
            {"schema": changed(0, columns=[{"name": "age"}, {"name": "size"}])},
            "'customers' has the features ['size'] there, ['name'] here",
        ),
        ({"schema": changed(1, rows=91)}, "'orders' has rows 91 there, 90 here"),
    ],
)
def test_another_databases_plurel_json_is_refused_with_the_difference(
    shop: Path, values: dict[str, Any], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    say(shop, **values)
    with pytest.raises(DatabaseError) as refused:
        check(shop, contents=False)
    assert str(refused.value).startswith(f"{shop / 'plurel.json'} belongs to another database: ")
    assert words in str(refused.value)
    (breach,) = validate_directory(shop)
    assert (breach.rule, breach.where) == ("origin", "plurel.json")
    assert words in breach.message
    assert main(["inspect", str(shop)]) == 1
    assert "belongs to another database" in capsys.readouterr().err


@pytest.mark.parametrize("schema", [3, [1], ["customers"], [{"name": "orders"}], None])
def test_a_schema_that_is_none_is_damage(shop: Path, schema: Any) -> None:
    say(shop, schema=schema)
    with pytest.raises(DatabaseError) as refused:
        check(shop)
    assert str(refused.value).startswith(f"{shop / 'plurel.json'} is damaged: its schema must list tables")
    assert [breach.rule for breach in validate_directory(shop)] == ["files"]


@pytest.mark.parametrize("digests", [3, ["db/orders.parquet"], None])
def test_checksums_that_are_none_are_damage(shop: Path, digests: Any) -> None:
    say(shop, sha256=digests)
    with pytest.raises(DatabaseError, match="must map files to checksums"):
        check(shop)
    assert [breach.rule for breach in validate_directory(shop)] == ["files"]


@settings(max_examples=60, deadline=None)
@given(draw=st.data())
def test_any_flipped_bit_of_any_recorded_file_is_told(
    kept_shop: Path, tmp_path_factory: pytest.TempPathFactory, draw: st.DataObject
) -> None:
    shop = Path(shutil.copytree(kept_shop, tmp_path_factory.mktemp("flip") / "shop"))
    name = draw.draw(st.sampled_from(sorted(json.loads((shop / "plurel.json").read_text())["sha256"])))
    content = bytearray((shop / name).read_bytes())
    content[draw.draw(st.integers(0, len(content) - 1))] ^= 1 << draw.draw(st.integers(0, 7))
    (shop / name).write_bytes(content)
    with pytest.raises(DatabaseError, match="is not as it was written") as refused:
        check_contents(shop, read_origin(shop) or {})
    assert str(shop / name) in str(refused.value)


@pytest.mark.parametrize("place", [0.01, 0.5, 0.99])
@pytest.mark.parametrize("file", ["db/orders.parquet", "tasks/order-paid/val.parquet"])
def test_validate_tells_a_flipped_byte_of_a_page_a_header_or_a_footer(
    shop: Path, file: str, place: float
) -> None:
    content = bytearray((shop / file).read_bytes())
    content[int(place * len(content))] ^= 255
    (shop / file).write_bytes(content)
    assert ("checksum", file) in {(breach.rule, breach.where) for breach in validate_directory(shop)}


def test_a_manifest_that_cannot_be_read_hides_no_other_damage(shop: Path) -> None:
    (shop / "manifest.yaml").write_text("name: [")
    (shop / "columns.yaml").unlink()
    found = {(breach.rule, breach.where) for breach in validate_directory(shop)}
    assert {("checksum", "manifest.yaml"), ("checksum", "columns.yaml")} < found


def test_a_lost_file_is_told_and_an_added_one_is_not(shop: Path) -> None:
    (shop / "columns.yaml").unlink()
    (shop / "README.md").write_text("A shop.\n")
    (breach,) = validate_directory(shop)
    assert (breach.rule, breach.where, breach.message) == (
        "checksum",
        "columns.yaml",
        "is missing; plurel.json lists it",
    )


def test_databases_without_checksums_stay_readable(shop: Path) -> None:
    (shop / "plurel.json").write_text('{"seed": 3}')
    assert check(shop) == {"seed": 3}
    assert validate_directory(shop) == []
    (shop / "plurel.json").unlink()
    assert check(shop) is None
    assert validate_directory(shop) == []
