"""Hand-made batches in the sampler's form, so that the model's tests need no store; and one small store for
the rest."""

from __future__ import annotations

import datetime as dt
import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from plurel_rt.recipe import ContextParams, Recipe
from plurel_rt.trainer import pretrain
from plurel_sampler import Column, HashedEmbedder, Store, Table, Task, build_store, plan_attention

NUMBER, TEXT, DATETIME, BOOLEAN, CATEGORY = range(5)
TEXTUAL = (TEXT, CATEGORY)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def bf16_bits(values: np.ndarray) -> np.ndarray:
    return torch.from_numpy(values.astype(np.float32)).bfloat16().view(torch.int16).numpy().view(np.uint16)


def sampler_batch(
    rng: np.random.Generator,
    *,
    sequences: int = 4,
    rows: int = 5,
    length: int = 32,
    width: int = 8,
    targets: tuple[int, ...] = (NUMBER, BOOLEAN, DATETIME, CATEGORY, TEXT),
) -> Any:
    """Random rows of up to four cells, each pointing at up to two others, as the sampler lays them out."""
    strings = 12
    batch = SimpleNamespace(
        value=np.zeros((sequences, length), np.float32),
        encoding=np.full((sequences, length), -1, np.int8),
        text=np.full((sequences, length), -1, np.int32),
        column=np.full((sequences, length), -1, np.int32),
        column_text=np.full((sequences, length), -1, np.int32),
        table=np.full((sequences, length), -1, np.int32),
        row=np.full((sequences, length), -1, np.int32),
        is_target=np.zeros((sequences, length), bool),
        texts=bf16_bits(rng.normal(size=(strings, width))),
        label=np.zeros(sequences, np.float32),
        label_text=np.full(sequences, -1, np.int32),
        label_encoding=np.array([targets[i % len(targets)] for i in range(sequences)], np.int8),
        label_mean=rng.normal(size=sequences),
        label_std=rng.uniform(0.5, 2.0, size=sequences),
    )
    links = set()
    for b in range(sequences):
        s = 0
        for r in range(rows):
            table = int(rng.integers(0, 2))
            for c in range(int(rng.integers(1, 5))):
                target = r == 0 and c == 0
                encoding = int(batch.label_encoding[b]) if target else (table + c) % 5
                batch.encoding[b, s] = encoding
                batch.table[b, s] = table
                batch.column[b, s] = batch.column_text[b, s] = 4 * table + c
                batch.row[b, s] = r
                batch.is_target[b, s] = target
                if target and encoding in TEXTUAL:
                    batch.label_text[b] = rng.integers(0, strings)
                elif target:
                    batch.label[b] = rng.normal()
                elif encoding in TEXTUAL:
                    batch.text[b, s] = rng.integers(0, strings)
                else:
                    batch.value[b, s] = rng.normal()
                s += 1
            for _ in range(int(rng.integers(0, 3))):
                links.add((b, r, int(rng.integers(0, rows))))
    batch.links = np.array(sorted(links), np.int32).reshape(-1, 3)
    batch.attention = plan_attention(batch.column, batch.row, batch.links)
    return batch


@pytest.fixture(scope="session")
def make_batch() -> Callable[..., Any]:
    return sampler_batch


def shop_tables(rows: int = 240) -> tuple[list[Table], list[Task]]:
    """Shops of a hidden quality, and daily visits whose sales follow their shop's; two tasks about visits.

    `echo` repeats the sales, but is known a month later: whoever reads it early cheats.
    """
    rng = np.random.default_rng(0)
    shops = 8
    quality = np.linspace(-1.0, 1.0, shops)
    shop = rng.integers(0, shops, rows)
    sales = 10.0 + 5.0 * quality[shop] + rng.normal(size=rows)
    start = dt.datetime(2020, 1, 1)  # noqa: DTZ001 - RelBench's times carry no zone
    at = [start + dt.timedelta(days=int(day)) for day in range(rows)]
    tables = [
        Table(
            "shops",
            pa.table(
                {"id": range(shops), "size": quality * 3.0, "kind": [f"kind {i % 3}" for i in range(shops)]}
            ),
            primary_key="id",
        ),
        Table(
            "visits",
            pa.table(
                {
                    "id": range(rows),
                    "shop": shop,
                    "at": at,
                    "sales": sales,
                    "sunny": rng.random(rows) < 0.5,
                    "echo": sales,
                    "told": [moment + dt.timedelta(days=30) for moment in at],
                }
            ),
            primary_key="id",
            time_column="at",
            foreign_keys={"shop": "shops"},
            columns={"echo": Column(known_at="told"), "told": Column(known_at="told")},
        ),
    ]
    cut = {
        "train": slice(0, rows * 6 // 10),
        "val": slice(rows * 6 // 10, rows * 8 // 10),
        "test": slice(rows * 8 // 10, rows),
    }

    def labels(values: Any) -> dict[Any, Any]:
        every = {"visit": np.arange(rows), "ts": at, "label": values}
        return {
            split: pa.table({name: column[part] for name, column in every.items()})
            for split, part in cut.items()
        }

    tasks = [
        Task(
            "visits-sales",
            "visits",
            "visit",
            "ts",
            "label",
            "regression",
            labels(sales),
            hidden_columns=["sales"],
        ),
        Task(
            "visits-good",
            "visits",
            "visit",
            "ts",
            "label",
            "binary_classification",
            labels(sales > 10.0),
            hidden_columns=["sales"],
        ),
    ]
    return tables, tasks


@pytest.fixture(scope="session")
def shop_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tables, tasks = shop_tables()
    moment = dt.datetime(2020, 1, 1) + dt.timedelta(days=144)  # noqa: DTZ001
    out = tmp_path_factory.mktemp("stores") / "shops"
    build_store(
        out,
        tables,
        tasks,
        val_timestamp=moment,
        test_timestamp=moment + dt.timedelta(days=48),
        embedder=HashedEmbedder(16),
    )
    return out


@pytest.fixture(scope="session")
def store(shop_store: Path) -> Store:
    """The shops' store, opened for tests that only read it."""
    return Store.open(shop_store)


@pytest.fixture(scope="session")
def trained(shop_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run over the shops' tasks that has learned something; for tests that only read it."""
    out = tmp_path_factory.mktemp("runs") / "run"
    pretrain(
        Recipe(
            stores=(str(shop_store),),
            targets=("tasks",),
            model={"name": "rt-plurel", "dim": 16, "depth": 2, "heads": 2, "ff": 32},
            batch_size=16,
            steps=80,
            lr=5e-3,
            threads=1,
            out=str(out),
        )
    )
    return out


@pytest.fixture
def file_limit() -> Callable[[int], AbstractContextManager[None]]:
    """No file may grow beyond so many bytes, which writers meet as they meet a disk without room."""

    @contextmanager
    def limited(size: int) -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limited


@pytest.fixture
def recipe(shop_store: Path, tmp_path: Path) -> Recipe:
    """A run of seconds over the shops."""
    return Recipe(
        name="test",
        stores=(str(shop_store),),
        model={"name": "rt-plurel", "dim": 16, "depth": 2, "heads": 2, "ff": 32},
        context=ContextParams(length=96, width=8),
        batch_size=8,
        steps=6,
        lr=5e-3,
        threads=1,
        out=str(tmp_path / "run"),
    )
