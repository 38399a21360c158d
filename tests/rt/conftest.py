"""Hand-made batches in the sampler's form, so that the model's tests need no store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

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
    """Random rows of up to four cells, each pointing at up to two other rows; as `plurel_sampler.Batch` lays them out."""
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
    return batch


@pytest.fixture(scope="session")
def make_batch() -> Callable[..., Any]:
    return sampler_batch
