"""A small shop as a database directory, for tests that read it and tests that break it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import strategies as st

from plurel.relbench_io import write_directory
from plurel.schema import Column, ForeignKey, Schema, Table
from plurel.tasks import TaskDefinition

VAL, TEST = pd.Timestamp("2020-02-10"), pd.Timestamp("2020-03-01")

SHOP = Schema(
    tables=[
        Table(name="customers", rows=6, role="entity", primary_key="customer_id"),
        Table(
            name="orders",
            rows=90,
            role="activity",
            primary_key="order_id",
            time_column="ordered_at",
            foreign_keys=[ForeignKey(column="customer_id", parent="customers", nullable=True)],
            columns=[Column(name="amount", kind="number"), Column(name="paid", kind="boolean")],
        ),
        Table(
            name="reviews",
            rows=30,
            role="activity",
            time_column="written_at",
            foreign_keys=[ForeignKey(column="order_id", parent="orders")],
        ),
    ]
)

FORECAST_SQL = """
SELECT t.timestamp AS ordered_at, c.customer_id, COUNT(o.order_id) AS orders
FROM timestamps t CROSS JOIN customers c
LEFT JOIN orders o ON o.customer_id = c.customer_id
  AND o.ordered_at > t.timestamp AND o.ordered_at <= t.timestamp + INTERVAL '{timedelta}'
GROUP BY t.timestamp, c.customer_id
"""


@pytest.fixture
def shop_cuts() -> tuple[pd.Timestamp, pd.Timestamp]:
    """The shop's val and test cuts."""
    return VAL, TEST


def _frames() -> dict[str, pd.DataFrame]:
    """The shop's rows: missing cells, a null key in every seventh order, deliveries that never came."""
    random = np.random.default_rng(0)
    days = pd.date_range("2020-01-01", periods=90, freq="D")
    orders = pd.DataFrame(
        {
            "order_id": range(90),
            "customer_id": pd.array([None if row % 7 == 3 else row % 6 for row in range(90)], dtype="Int64"),
            "ordered_at": days,
            "delivered_at": (days + pd.Timedelta(days=2)).where(np.arange(90) % 9 != 4),
            "amount": random.normal(size=90),
            "paid": pd.array([None if row % 10 == 9 else row % 2 == 0 for row in range(90)], dtype="boolean"),
            "note": ["short" if row % 2 else f"order number {row}" for row in range(90)],
        }
    )
    orders.loc[orders["delivered_at"].isna(), "amount"] = np.nan
    return {
        "customers": pd.DataFrame(
            {"customer_id": range(6), "name": list("abcdef"), "age": [30, 41, 52, 63, 74, 85]}
        ),
        "orders": orders,
        "reviews": pd.DataFrame(
            {"order_id": range(30), "written_at": days[30:60], "stars": np.arange(30) % 5}
        ),
    }


def _tasks(frames: dict[str, pd.DataFrame]) -> list[TaskDefinition]:
    """A task of each kind: an order's amount, whether it is paid, how many orders come in ten days."""
    orders = frames["orders"]
    time = orders["ordered_at"]

    def splits(column: str) -> dict[str, pd.DataFrame]:
        labels = orders[["ordered_at", "order_id", column]].dropna()
        at = time[labels.index]
        return {
            "train": labels[at <= VAL],
            "val": labels[(at > VAL) & (at <= TEST)],
            "test": labels[at > TEST],
        }

    def counts(moments: list[pd.Timestamp]) -> pd.DataFrame:
        window = pd.Timedelta(days=10)
        rows = [
            (
                moment,
                customer,
                int(
                    ((time > moment) & (time <= moment + window) & (orders["customer_id"] == customer)).sum()
                ),
            )
            for moment in sorted(moments)
            for customer in range(6)
        ]
        return pd.DataFrame(rows, columns=["ordered_at", "customer_id", "orders"])

    common: dict[str, Any] = {"entity_table": "orders", "entity_col": "order_id", "time_col": "ordered_at"}
    return [
        TaskDefinition(
            name="order-amount",
            kind="autocomplete",
            task_type="regression",
            target_col="amount",
            splits=splits("amount"),
            known_at="delivered_at",
            hidden=("amount", "delivered_at"),
            remove_columns={"orders": ["delivered_at"]},
            **common,
        ),
        TaskDefinition(
            name="order-paid",
            kind="external",
            task_type="binary_classification",
            target_col="paid",
            splits={name: labels.astype({"paid": bool}) for name, labels in splits("paid").items()},
            hidden=("paid",),
            **common,
        ),
        TaskDefinition(
            name="customer-orders",
            kind="forecast",
            task_type="regression",
            entity_table="customers",
            entity_col="customer_id",
            target_col="orders",
            time_col="ordered_at",
            timedelta=10 * 86_400_000_000,
            sql=FORECAST_SQL,
            splits={
                "train": counts([VAL - pd.Timedelta(days=10 * step) for step in range(1, 5)]),
                "val": counts([VAL]),
                "test": counts([TEST]),
            },
        ),
    ]


def _write(out: Path, **changes: Any) -> Path:
    frames = _frames()
    arguments: dict[str, Any] = {
        "name": "shop",
        "tables": frames,
        "schema": SHOP,
        "val_timestamp": VAL,
        "test_timestamp": TEST,
        "tasks": _tasks(frames),
        "columns": {"orders": {name: {"known_at": "delivered_at"} for name in ("amount", "delivered_at")}},
        "extra": {"from": "a test"},
    }
    return write_directory(out, **(arguments | changes))


@pytest.fixture
def shop_frames() -> dict[str, pd.DataFrame]:
    """The shop's rows."""
    return _frames()


@pytest.fixture
def shop_tasks() -> list[TaskDefinition]:
    """The shop's tasks."""
    return _tasks(_frames())


@pytest.fixture
def write_shop(tmp_path: Path) -> Callable[..., Path]:
    """Write the shop; keyword arguments take the place of what `write_directory` would get."""

    def write(out: str = "shop", **changes: Any) -> Path:
        return _write(tmp_path / out, **changes)

    return write


@pytest.fixture(scope="session")
def kept_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop's directory, written once, not to be touched."""
    return _write(tmp_path_factory.mktemp("kept") / "shop")


@pytest.fixture
def shop(kept_shop: Path, tmp_path: Path) -> Path:
    """The shop's directory, free to be broken."""
    return Path(shutil.copytree(kept_shop, tmp_path / "shop"))


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=4) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)


@pytest.fixture(scope="session")
def change_anything(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path, st.DataObject], Path]:
    """Copy a directory and put anything anywhere in one of its YAML files."""

    def change(original: Path, draw: st.DataObject) -> Path:
        root = Path(shutil.copytree(original, tmp_path_factory.mktemp("any") / "shop"))
        file = draw.draw(st.sampled_from(sorted(root.rglob("*.yaml"))))
        content = yaml.safe_load(file.read_text())
        place: Any = content
        while True:
            key = draw.draw(st.sampled_from(list(place) if isinstance(place, dict) else range(len(place))))
            deeper = isinstance(place[key], dict | list) and place[key] and draw.draw(st.booleans())
            if not deeper:
                break
            place = place[key]
        place[key] = draw.draw(_ANYTHING)
        file.write_text(yaml.safe_dump(content))
        return root

    return change
