"""Databases of many pieces, mapped from disk: the same whatever does their blocks, written as if whole."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from plurel import Config, SyntheticDataset, pieces
from plurel.config import resolve
from plurel.generation import facts, scratch
from plurel.generation.database import Generated, generate
from plurel.generation.threads import Threads
from plurel.pieces import Work, in_order
from plurel.plugins import get_ledger
from plurel.relbench_io import read_directory
from plurel.validate import validate_directory

LONG = Config().with_set(
    [
        "database_params.num_tables_choices=4",
        "database_params.num_cols_choices=5",
        "database_params.num_rows_entity_table_choices=5000",
        "database_params.num_rows_activity_table_choices=18000",
        "database_params.category_collapse=none",
    ]
)


@pytest.fixture(autouse=True)
def _many_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a table of millions of rows would be: pieces, files, sketches."""
    monkeypatch.setattr(pieces, "PIECE_ROWS", 5000)
    monkeypatch.setattr(scratch, "IN_MEMORY", 0)
    monkeypatch.setattr(facts, "EXACT_CELLS", 7000)
    monkeypatch.setattr(facts, "RUN_CELLS", 2000)


def made(work: Work) -> Generated:
    return generate(5, LONG, resolve(LONG, get_ledger()).parts(get_ledger()), work=work)


def shuffled(function: Callable[[Any], Any], jobs: Iterable[Any]) -> Iterator[Any]:
    """Does jobs in a drawn order."""
    waiting = list(enumerate(jobs))
    random.Random(len(waiting)).shuffle(waiting)
    done = {place: function(job) for place, job in waiting}
    return (done[place] for place in range(len(done)))


@pytest.mark.parametrize("work", [shuffled, Threads(3)], ids=["shuffled", "threads"])
def test_the_order_of_blocks_changes_no_value(work: Work) -> None:
    one, other = made(in_order), made(work)
    for name, frame in one.frames.items():
        pd.testing.assert_frame_equal(frame, other.frames[name], check_exact=True)
    assert {column.kind for table in one.schema for column in table.columns} == {"number", "category"}


def test_a_database_in_pieces_keeps_the_contract_and_reads_back_as_its_frames(tmp_path: Path) -> None:
    dataset = SyntheticDataset(5, LONG)
    out = dataset.save(tmp_path / "five")
    assert validate_directory(out) == []
    for name, table in read_directory(out).tables.items():
        written = pd.read_parquet(table.file)
        pd.testing.assert_frame_equal(written, dataset.make_db().table_dict[name].df, check_exact=True)
    tasks = read_directory(out).tasks
    assert tasks
    for task in tasks.values():
        labels = pd.concat([pd.read_parquet(file) for file in task.files.values()])
        rows = dataset.make_db().table_dict[task.entity_table].df.set_index(task.entity_col)
        known = rows[task.target_col].dropna()
        assert labels.set_index(task.entity_col)[task.target_col].to_dict() == known.to_dict()
