from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

__all__ = ["HashedEmbedder", "Sampler", "Store", "build_store", "plan_attention", "verify_store"]

def build_store(
    out: Path,
    tables: Sequence[object],
    tasks: Sequence[object],
    *,
    val_timestamp: int | None,
    test_timestamp: int | None,
    embedder: object | None,
    on_unresolved: str,
    provenance: str,
    progress: Callable[[str, float], None] | None,
    overwrite: bool,
) -> Store: ...
def verify_store(path: Path) -> list[Any]: ...

@final
class Store:
    @staticmethod
    def open(path: Path, checksums: bool) -> Store: ...
    def description(self) -> str: ...
    def with_embeddings(self, embedder: object) -> Store: ...
    def column_words(self, table: str, column: str) -> NDArray[np.uint32]: ...
    def parent_rows(self, table: str, column: str) -> NDArray[np.int64]: ...
    def known_times(self, table: str) -> NDArray[np.int64]: ...
    def column_times(self, table: str, column: str) -> NDArray[np.int64]: ...

@final
class Sampler:
    def __new__(
        cls,
        stores: Sequence[Store],
        targets: Sequence[object],
        *,
        length: int,
        width: int,
        children: str,
        labels: str,
        seed: int,
        embedder: str,
        split: str,
        balance: str,
        limit: int | None,
        num_threads: int | None,
        plan: bool = True,
    ) -> Sampler: ...
    def __len__(self) -> int: ...
    def counts(self) -> list[int]: ...
    def batch(self, positions: NDArray[np.uint64], epoch: int | None) -> dict[str, Any]: ...

def plan_attention(
    column: NDArray[np.int32], row: NDArray[np.int32], links: NDArray[np.int32]
) -> dict[str, NDArray[np.int32]]: ...

@final
class HashedEmbedder:
    def __new__(cls, width: int) -> HashedEmbedder: ...
    @property
    def fingerprint(self) -> str: ...
    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]: ...
