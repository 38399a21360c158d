"""Whether the files of a store are whole: all damage, not only the first. Not here: mending."""

from __future__ import annotations

from pathlib import Path

from plurel_sampler._ready import _native
from plurel_sampler.errors import StoreError


def verify_store(path: str | Path) -> list[StoreError]:
    """Finds all damage of a store, as errors that are given and not raised.

    Looked at are the length and the checksum of every file, and what the format says of their words: numbers
    are finite, strings and parents exist, offsets never fall, and the children of a row are the rows that
    point at it, sorted by when they are known. Each sort of damage is told once for each file, column and
    foreign key, with its first occurrence and their number.

    Args:
        path: The store's directory.

    Returns:
        One error for each sort of damage and its place; none where the store is whole. A damaged
        description (``store.json``) is all that is told, because it says what the other files should be.

    Raises:
        StoreMissingError: There is no store.
        StoreIOError: Its description cannot be read.
    """
    return _native.verify_store(Path(path))
