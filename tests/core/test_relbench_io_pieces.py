"""Tables and labels that come in pieces are written as they would be whole, and held to the same contract."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from plurel import pieces
from plurel.errors import DatabaseError
from plurel.pieces import Pieces
from plurel.relbench_io import read_directory
from plurel.tasks import TaskDefinition

Frames = dict[str, pd.DataFrame]
Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def _short_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE_ROWS", 16)


def cut(labels: pd.DataFrame) -> list[pd.DataFrame]:
    return [labels.iloc[start : start + 7] for start in range(0, len(labels), 7)]


def in_pieces(task: TaskDefinition) -> TaskDefinition:
    order = [task.time_col, task.entity_col]
    splits = {name: cut(labels.sort_values(order, kind="stable")) for name, labels in task.splits.items()}
    return attrs.evolve(task, splits=splits)


def test_what_comes_in_pieces_reads_back_as_what_comes_whole(
    write_shop: Write, shop_frames: Frames, shop_tasks: list[TaskDefinition]
) -> None:
    whole = write_shop("whole")
    out = write_shop(
        "pieces",
        tables={name: Pieces.of(frame) for name, frame in shop_frames.items()},
        tasks=[in_pieces(task) for task in shop_tasks],
    )
    assert pq.read_metadata(out / "db" / "orders.parquet").num_row_groups == 6
    written = sorted(path.relative_to(whole) for path in whole.rglob("*.parquet"))
    assert len(written) == 12
    for file in written:
        one, other = (pq.read_table(root / file) for root in (whole, out))
        assert one.schema.equals(other.schema, check_metadata=True)
        assert one.equals(other)
    assert read_directory(out).tasks.keys() == read_directory(whole).tasks.keys()


def test_one_piece_gives_the_bytes_of_a_frame(
    write_shop: Write, shop_frames: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "PIECE_ROWS", 1000)
    whole = write_shop("whole")
    out = write_shop("pieces", tables={name: Pieces.of(frame) for name, frame in shop_frames.items()})
    for name in shop_frames:
        one, other = (root / "db" / f"{name}.parquet" for root in (whole, out))
        assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ({"order_id": [*range(80), *range(10)]}, r"orders\.order_id must be 80\.\.89 in row order"),
        (
            {"customer_id": [0] * 85 + [9] * 5},
            r"customer_id must hold row numbers 0\.\.5, got 9 at row 85 \(",
        ),
        (
            {
                "ordered_at": pd.date_range("2020-01-01", periods=90).where(
                    np.arange(90) < 80, other=pd.Timestamp(0)
                )
            },
            "orders must be sorted by ordered_at",
        ),
        (
            {"ordered_at": pd.date_range("2020-01-01", periods=90).where(np.arange(90) != 79)},
            "orders must be sorted by ordered_at",
        ),
    ],
)
def test_errors_tell_the_row_of_the_table_and_the_order_holds_from_piece_to_piece(
    write_shop: Write, shop_frames: Frames, spoil: dict[str, Any], words: str
) -> None:
    spoilt = shop_frames["orders"].assign(**spoil)
    with pytest.raises(DatabaseError, match=words):
        write_shop(tables={**shop_frames, "orders": Pieces.of(spoilt)})


def test_labels_in_pieces_must_be_sorted_and_there(
    write_shop: Write, shop_tasks: list[TaskDefinition]
) -> None:
    amount = shop_tasks[0]
    backwards = amount.splits["train"][::-1]
    for pieces_of_train, words in ((cut(backwards), "must be sorted by ordered_at"), ([], "has no rows")):
        spoilt = attrs.evolve(amount, splits={**amount.splits, "train": pieces_of_train})
        with pytest.raises(DatabaseError, match=f"task order-amount, train {words}"):
            write_shop(tasks=[spoilt])


def test_pieces_of_another_type_than_the_first_are_refused(write_shop: Write, shop_frames: Frames) -> None:
    orders = shop_frames["orders"]

    def read(start: int, stop: int, names: Any) -> pd.DataFrame:
        piece = orders[list(names)].iloc[start:stop]
        return piece if start == 0 else piece.assign(amount="much")

    changing = Pieces(columns=tuple(orders.columns), stop=len(orders), read=read)
    with pytest.raises(DatabaseError, match="orders came in pieces of different types"):
        write_shop(tables={**shop_frames, "orders": changing})
