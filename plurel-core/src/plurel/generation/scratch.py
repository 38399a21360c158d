"""Columns of a table in memory-mapped files, written block by block and read by the table's children.

Not a format: the files have no names, so that they live exactly as long as they are used, whatever ends the
process.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


class ScratchColumns(Mapping[str, NDArray[Any]]):
    """Whole columns by name, each a contiguous row of one file a dtype.

    Args:
        folder: where the files lie.
        rows: number of rows, at least 1.
        dtypes: dtype of each column, in order.

    Raises:
        OSError: there is no room for them.
    """

    def __init__(self, folder: Path, rows: int, dtypes: Mapping[str, np.dtype[Any]]) -> None:
        self._columns: dict[str, NDArray[Any]] = dict.fromkeys(dtypes, np.empty(0))
        for dtype in sorted(set(dtypes.values()), key=str):
            names = [name for name, own in dtypes.items() if own == dtype]
            with tempfile.TemporaryFile(dir=folder) as file:
                if hasattr(os, "posix_fallocate"):
                    # Without room of its own a mapped file kills the process when the disk is full.
                    os.posix_fallocate(file.fileno(), 0, len(names) * rows * dtype.itemsize)
                store = np.memmap(file, dtype=dtype, mode="w+", shape=(len(names), rows))
            self._columns.update(zip(names, store, strict=True))

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def write(self, start: int, stop: int, block: Mapping[str, NDArray[Any]]) -> None:
        """Put a block's values into rows start..stop-1."""
        for name, column in self._columns.items():
            column[start:stop] = block[name]

    def read(self, start: int, stop: int) -> dict[str, NDArray[Any]]:
        """The rows start..stop-1 of every column."""
        return {name: column[start:stop] for name, column in self._columns.items()}

    def discard(self) -> None:
        """Give the files' space back; the columns must not be used any more."""
        self._columns.clear()
