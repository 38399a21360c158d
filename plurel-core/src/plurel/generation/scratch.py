"""Columns of a table written block by block and read by the table's children, in memory or mapped from disk.

Small tables stay in memory; the columns of others lie in files that the system maps. Not a format: the files
have no names, so that they live exactly as long as they are used, whatever ends the process.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

IN_MEMORY = 1 << 20
"""Most bytes that stay in memory: a file for each small table would cost more than its values."""


class ScratchColumns(Mapping[str, NDArray[Any]]):
    """Whole columns by name, those of a dtype one after the other in one file.

    Args:
        folder: where the files lie.
        rows: number of rows.
        dtypes: dtype of each column, in order.

    Raises:
        OSError: there is no room for them.
    """

    def __init__(self, folder: Path, rows: int, dtypes: Mapping[str, np.dtype[Any]]) -> None:
        self._columns: dict[str, NDArray[Any]] = dict.fromkeys(dtypes, np.empty(0))
        for dtype in sorted(set(dtypes.values()), key=str):
            names = [name for name, own in dtypes.items() if own == dtype]
            store = self._room(folder, len(names) * rows * dtype.itemsize).view(dtype)
            self._columns.update(zip(names, store.reshape(len(names), rows), strict=True))

    def _room(self, folder: Path, size: int) -> NDArray[np.uint8]:
        if size <= IN_MEMORY:
            return np.empty(size, dtype=np.uint8)
        with tempfile.TemporaryFile(dir=folder) as file:
            if hasattr(os, "posix_fallocate"):
                # Without room of its own a mapped file kills the process when the disk is full.
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.truncate(size)
            mapped = mmap.mmap(file.fileno(), size)
        return np.frombuffer(mapped, dtype=np.uint8)

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


def read_only(values: NDArray[Any]) -> NDArray[Any]:
    """A view that nobody can write into: what contributions are shown but others own.

    Example:
        >>> read_only(np.zeros(3))[0] = 1
        Traceback (most recent call last):
        ...
        ValueError: assignment destination is read-only
    """
    view = values.view()
    view.flags.writeable = False
    return view


def rest(columns: Iterable[NDArray[Any]]) -> None:
    """Let go of the memory that columns mapped from disk take in this process; their values stay there.

    Without it a process seems to grow by every page that it has ever looked at.
    """
    for column in columns:
        base: Any = column
        while isinstance(base, np.ndarray | memoryview):
            base = base.base if isinstance(base, np.ndarray) else base.obj
        if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            base.madvise(mmap.MADV_DONTNEED)
