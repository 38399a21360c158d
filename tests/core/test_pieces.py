"""Tables in pieces: the same rows as a whole, whatever makes the pieces and however many there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from plurel import pieces
from plurel.pieces import Pieces


@pytest.fixture(autouse=True)
def _short_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE_ROWS", 10)


TABLE = pd.DataFrame({"a": np.arange(25), "b": np.arange(25) / 2})


def test_pieces_together_are_the_table() -> None:
    table = Pieces.of(TABLE)
    assert [len(piece) for piece in table] == [10, 10, 5]
    pd.testing.assert_frame_equal(table.frame(), TABLE)
    assert Pieces.of(table) is table
    assert len(table) == 25


def test_columns_and_runs_of_rows_can_be_asked_for() -> None:
    table = Pieces.of(TABLE)
    pd.testing.assert_frame_equal(table[["b"]], TABLE[["b"]])
    pd.testing.assert_series_equal(table["a"], TABLE["a"])
    part = table.part(3, 20).part(2, 15).only(["a"])
    assert part.frame()["a"].tolist() == list(range(5, 18))
    with pytest.raises(KeyError, match="no columns"):
        table.only(["c"])


def test_a_table_without_rows_is_one_piece_with_its_columns() -> None:
    (piece,) = Pieces.of(TABLE.head(0))
    assert list(piece.columns) == ["a", "b"]
    assert len(piece) == 0


def test_no_more_is_read_than_is_asked_for() -> None:
    read: list[tuple[int, int, list[str]]] = []

    def source(start: int, stop: int, names: Any) -> pd.DataFrame:
        read.append((start, stop, list(names)))
        return TABLE[list(names)].iloc[start:stop]

    table = Pieces(columns=("a", "b"), stop=25, read=source)
    next(iter(table.only(["a"])))
    assert read == [(0, 10, ["a"])]


def test_work_is_asked_for_the_pieces() -> None:
    def backwards(function: Callable[[Any], Any], jobs: Iterable[Any]) -> Iterator[Any]:
        done = [function(job) for job in reversed(list(jobs))]
        return reversed(done)

    table = Pieces(
        columns=("a",), stop=25, read=lambda start, stop, _: TABLE[["a"]][start:stop], work=backwards
    )
    assert table.frame()["a"].tolist() == list(range(25))
