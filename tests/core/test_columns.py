"""Column types: the surest one takes a column, stated encodings stand, keys have none."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml

from plurel.columns import (
    Boolean,
    Category,
    CategoryParams,
    Datetime,
    Number,
    Text,
    describe,
    infer_encodings,
)
from plurel.errors import DatabaseError
from plurel.plugins import get_ledger
from plurel.plugins.protocols import ColumnType
from plurel.plugins.requests import InferRequest
from plurel.relbench_io import read_directory

TYPES: dict[str, ColumnType] = {
    "number": Number(),
    "boolean": Boolean(),
    "category": Category(),
    "datetime": Datetime(),
    "text": Text(),
}


def _request(cells: list[Any], kind: pa.DataType | None = None) -> InferRequest:
    return describe(pa.chunked_array([pa.array(cells, type=kind)]), name="x", table="t")


def _surest(request: InferRequest) -> str:
    return max(TYPES, key=lambda name: TYPES[name].infer(request))


@pytest.mark.parametrize(
    ("cells", "kind", "expected"),
    [
        ([1, 2, None], pa.int8(), "number"),
        ([0, 1, 1], pa.int64(), "number"),
        ([1.5, None], pa.float32(), "number"),
        ([1, 2], pa.decimal128(10, 2), "number"),
        ([None, None], pa.null(), "number"),
        ([True, False, None], pa.bool_(), "boolean"),
        ([dt.date(2020, 1, 1)], pa.date32(), "datetime"),
        ([0, 1], pa.timestamp("ns"), "datetime"),
        (["a", "b"] * 5, pa.string(), "category"),
        (["a", "b"] * 5, pa.large_string(), "category"),
        (["a", "b", "c"], pa.string(), "text"),
        ([f"word {number % 70}" for number in range(700)], pa.string(), "text"),
        (["a sentence that goes on and on and says the same"] * 9, pa.string(), "text"),
        ([None, None], pa.string(), "text"),
    ],
)
def test_the_arrow_type_and_the_cells_say_what_a_column_is(
    cells: list[Any], kind: pa.DataType, expected: str
) -> None:
    assert _surest(_request(cells, kind)) == expected


def test_dictionaries_are_categories() -> None:
    column = pa.chunked_array([pa.array(["a", "b", "a"]).dictionary_encode()])
    assert _surest(describe(column, name="x", table="t")) == "category"


def test_the_bounds_of_categories_are_parameters() -> None:
    request = _request(["a", "b", "c"] * 3)
    assert Category(CategoryParams(max_labels=3)).infer(request) > 0
    assert Category(CategoryParams(max_labels=2)).infer(request) == 0


def test_types_are_told_what_stands_in_the_column() -> None:
    request = _request([3, None, 1, 3], pa.int64())
    assert (request.count, request.nulls, request.distinct) == (4, 1, 2)
    assert (request.minimum, request.maximum, request.mean_length) == (1, 3, None)
    assert _request(["ab", "abcd"]).mean_length == 3


def test_decoding_gives_columns_of_the_type() -> None:
    values = np.array([-1.0, 2.0])
    assert Number().decode(values).dtype == np.float64
    assert Boolean().decode(values).tolist() == [False, True]
    assert Datetime().decode(np.array([0.0])).tolist() == [dt.datetime(1970, 1, 1)]  # noqa: DTZ001
    far = Datetime().decode(np.array([-3.4e38, 3.4e38]))
    assert far.tolist() == [dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31)]  # noqa: DTZ001
    assert Category().decode(np.array([3])).tolist() == ["3"]
    assert Text().decode(np.array([3])).tolist() == ["3"]


def test_every_column_but_keys_gets_an_encoding(shop: Path) -> None:
    assert infer_encodings(read_directory(shop), get_ledger()) == {
        "customers": {"name": "text", "age": "number"},
        "orders": {
            "ordered_at": "datetime",
            "delivered_at": "datetime",
            "amount": "number",
            "paid": "boolean",
            "note": "text",
        },
        "reviews": {"written_at": "datetime", "stars": "number"},
    }


def test_a_stated_encoding_stands(shop: Path) -> None:
    (shop / "columns.yaml").write_text(yaml.safe_dump({"reviews": {"stars": {"encoding": "category"}}}))
    assert infer_encodings(read_directory(shop), get_ledger())["reviews"]["stars"] == "category"


def test_a_column_that_nobody_knows_is_named(shop: Path) -> None:
    import pyarrow.parquet as pq

    file = shop / "db" / "reviews.parquet"
    table = pq.read_table(file)
    pq.write_table(table.append_column("tags", pa.array([["a"]] * table.num_rows)), file)
    with pytest.raises(DatabaseError, match=r"no column type knows reviews\.tags of Arrow type list"):
        infer_encodings(read_directory(shop), get_ledger())


def test_a_table_that_cannot_be_read_is_named(shop: Path) -> None:
    (shop / "db" / "reviews.parquet").write_text("no parquet")
    with pytest.raises(DatabaseError, match=r"reviews\.parquet cannot be read as Parquet"):
        infer_encodings(read_directory(shop), get_ledger())


@pytest.mark.parametrize(
    ("cells", "distinct"),
    [
        (pa.array([1, 1], pa.duration("s")), 1),
        (pa.array([1.0, 2.0], pa.float16()), 2),
        (pa.array(["a", "a"], pa.string_view()), 1),
        (pa.array([1, 2], pa.timestamp("us", "Nowhere/Else")), 2),
        (pa.array([1, 2], pa.timestamp("ns")), 2),
        (pa.array([None, None], pa.null()), 0),
    ],
)
def test_odd_arrow_types_are_described_all_the_same(cells: pa.Array, distinct: int) -> None:
    request = describe(pa.chunked_array([cells]), name="x", table="t")
    assert (request.count, request.distinct) == (2, distinct)
