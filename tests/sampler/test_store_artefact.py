"""`plurel inspect` and `plurel validate` of stores: all that one holds, and all that is wrong with one."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plurel.cli import main
from plurel_sampler import Store, StoreMissingError, build_store, verify_store

HEADER = 64


@pytest.fixture
def store(shop_store: Store, tmp_path: Path) -> Path:
    """The shop's store, free to be broken."""
    return Path(shutil.copytree(shop_store.path, tmp_path / "shop"))


def document(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    main([*map(str, arguments), "--json"])
    return dict(json.loads(capsys.readouterr().out))


def put(file: Path, word: int, kind: str, *values: float) -> None:
    """Write words over those of a binary file, from the `word`th of its payload on."""
    packed = struct.pack(f"<{len(values)}{kind}", *values)
    with file.open("r+b") as stream:
        stream.seek(HEADER + word * struct.calcsize(kind))
        stream.write(packed)


def words(file: Path, kind: str) -> list[Any]:
    return [value for (value,) in struct.iter_unpack(f"<{kind}", file.read_bytes()[HEADER:])]


def told(path: Path) -> str:
    """All damage of a store, less the wrong checksums that every change makes."""
    return "\n".join(str(error) for error in verify_store(path) if "checksum" not in str(error))


def test_a_store_tells_what_it_holds(shop_store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, "inspect", shop_store.path)
    assert (found["form"], found["val_timestamp"]) == ("store", "2020-01-21 00:00:00")
    assert (found["rows"], found["cells"]) == (shop_store.num_rows, shop_store.num_cells)
    orders = found["tables"]["orders"]
    assert (orders["rows"], orders["foreign_keys"]) == (40, {"user": "users"})
    assert orders["columns"]["paid"]["known_at"] == "shipped"
    assert found["tasks"]["again"]["rows"] == {"train": 8, "val": 2, "test": 2}
    assert found["embeddings"]["hashed"]["width"] == 16
    assert found["files"]["store.json"] == (shop_store.path / "store.json").stat().st_size


def test_people_get_the_same_as_tables(shop_store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(shop_store.path)]) == 0
    said = capsys.readouterr().out
    for part in ("2 tables, 1 tasks", "user -> users", "users.again", "hashed", "2020-01-21", "days"):
        assert part in said


def test_provenance_that_is_not_preprocesss_is_no_obstacle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import pyarrow as pa

    from plurel_sampler import Table

    build_store(tmp_path / "s", [Table("t", pa.table({"x": [1.0, 2.0]}))], provenance={"by": ["me"]})
    assert document(capsys, "inspect", tmp_path / "s")["origin"]["by"] == ["me"]


def test_a_whole_store_passes(shop_store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify_store(shop_store.path) == []
    assert main(["validate", str(shop_store.path)]) == 0
    assert capsys.readouterr().out == f"store {shop_store.path}: no breach\n"


def test_a_place_without_a_store_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreMissingError):
        verify_store(tmp_path)


@pytest.mark.parametrize("part", ["cells.bin", "parents.bin", "times.bin", "children.bin", "text.arrow"])
def test_every_damaged_file_is_told_of(store: Path, part: str, capsys: pytest.CaptureFixture[str]) -> None:
    (store / "children.offsets").unlink()
    (store / part).write_bytes((store / part).read_bytes()[:-3])
    found = document(capsys, "validate", store)
    assert found["ok"] is False
    assert {breach["where"].split(",")[0] for breach in found["breaches"]} == {"children.offsets", part}


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_no_flipped_bit_stays_unnoticed(
    shop_store: Store, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    store = Path(shutil.copytree(shop_store.path, tmp_path_factory.mktemp("flip") / "shop"))
    file = data.draw(st.sampled_from(sorted(store.iterdir())))
    content = bytearray(file.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    file.write_bytes(content)
    assert file.name in {Path(error.file or "").name for error in verify_store(store)}


def test_parents_must_be_rows_of_the_table_that_the_key_names(store: Path) -> None:
    put(store / "parents.bin", 7, "I", 5)
    put(store / "parents.bin", 9, "I", 4_000_000)
    assert "node 5 where users has 0..3, the first of 2 such" in told(store)
    assert "table orders, column user, row 7" in told(store)


def test_offsets_must_not_fall_and_must_end_where_the_children_do(store: Path) -> None:
    count = len(words(store / "children.offsets", "Q"))
    put(store / "children.offsets", 1, "Q", 2**40)
    assert "offsets never fall" in told(store)
    put(store / "children.offsets", count - 1, "Q", 1)
    assert "children.offsets" in told(store)
    assert "must stand" in told(store)


def test_children_must_be_sorted_by_when_they_are_known(store: Path) -> None:
    first, second = words(store / "children.bin", "I")[:2]
    put(store / "children.bin", 0, "I", second, first)
    assert f"node {first} after {second}, which is known later or the same" in told(store)


def test_children_must_be_the_rows_that_point_there(store: Path) -> None:
    put(store / "children.bin", 0, "I", 0)
    assert "node 0 is listed under 0, at which no key of it points" in told(store)
    put(store / "children.bin", 0, "I", 2**32 - 1)
    assert "node 4294967295 is listed under 0" in told(store)


def test_links_must_be_as_many_as_children(store: Path) -> None:
    put(store / "parents.bin", 0, "I", 2**32 - 1)
    assert "children where foreign keys make" in told(store)


def test_cells_must_be_finite_numbers_or_strings_that_exist(store: Path) -> None:
    tables = Store.open(store).tables
    users = list(tables["users"].columns)
    put(store / "cells.bin", users.index("age"), "f", float("inf"))
    put(store / "cells.bin", len(users) + users.index("plan"), "I", 123_456)
    assert "an infinite number" in told(store)
    assert "table users, column age, row 0" in told(store)
    assert "string 123456 where there are" in told(store)
    assert "table users, column plan, row 1" in told(store)


def test_vectors_must_be_finite(store: Path) -> None:
    put(store / "embeddings.hashed.bin", 16, "H", 0x7F80)
    assert "the vector of string 1 by embedder hashed is not finite" in told(store)


def test_an_edited_description_is_all_that_is_told(store: Path) -> None:
    file = store / "store.json"
    file.write_text(file.read_text().replace('"rows": 40', '"rows": 41'))
    (error,) = verify_store(store)
    assert "does not match its own checksum" in str(error)
    assert main(["validate", str(store)]) == 1
