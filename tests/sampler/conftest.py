"""A small shop with every kind of column, shared by the tests of stores and samplers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from plurel_sampler import Column, HashedEmbedder, Store, Table, Task, build_store


def day(number: int) -> dt.datetime:
    return dt.datetime(2020, 1, 1) + dt.timedelta(days=number)  # noqa: DTZ001


def shop(orders: int = 40, **changes: Any) -> tuple[list[Table], list[Task]]:
    users = pa.table(
        {
            "id": ["a", "b", "c"],
            "age": [30.0, None, 50.0],
            "plan": pa.array(["x", "y", "x"]).dictionary_encode(),
        }
    )
    rows = range(orders)
    bought = pa.table(
        {
            "order": [100 + 3 * row for row in rows],
            "user": ["abc"[row % 3] for row in rows],
            "at": [day(row) for row in rows],
            "amount": [float(row * row % 7) for row in rows],
            "paid": [row % 2 == 0 for row in rows],
            "note": [f"order number {row}" for row in rows],
            "shipped": [day(row + 2) for row in rows],
        }
    )
    labels = pa.table(
        {
            "user": ["abc"[row % 3] for row in range(12)],
            "ts": [day(3 * row) for row in range(12)],
            "again": [row % 2 for row in range(12)],
        }
    )
    tables = [
        Table("users", users, primary_key="id"),
        Table(
            "orders",
            bought,
            primary_key="order",
            time_column="at",
            foreign_keys={"user": "users"},
            columns={"paid": Column(known_at="shipped"), "shipped": Column(known_at="shipped")},
        ),
    ]
    splits: dict[Any, Any] = {
        "train": labels.slice(0, 8),
        "val": labels.slice(8, 2),
        "test": labels.slice(10),
    }
    tasks = [
        Task(
            "again",
            "users",
            "user",
            "ts",
            "again",
            "binary_classification",
            splits,
            window=dt.timedelta(days=2),
        ),
    ]
    return tables, tasks


@pytest.fixture
def make_shop(tmp_path: Path) -> Callable[..., Store]:
    """Builds the shop; options go to `build_store`."""

    def make(name: str = "shop", **options: Any) -> Store:
        tables, tasks = shop()
        defaults: dict[str, Any] = {
            "embedder": HashedEmbedder(16),
            "val_timestamp": day(20),
            "test_timestamp": day(30),
        }
        return build_store(tmp_path / name, tables, tasks, **defaults | options)

    return make


@pytest.fixture(scope="session")
def shop_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The shop, packed once for tests that only read it."""
    tables, tasks = shop()
    out = tmp_path_factory.mktemp("shop") / "shop"
    return build_store(
        out, tables, tasks, embedder=HashedEmbedder(16), val_timestamp=day(20), test_timestamp=day(30)
    )
