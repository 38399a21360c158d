"""Packed stores as checkpoints and scores see them: opened where a person said, and known again later.

A checkpoint says of each store it was trained on what tells two of them apart: a checksum of all of it, and
one of the database's rows, which a store that is packed anew from the same database shares. Not here: what a
store holds (`plurel_sampler.Store`), and whose vectors are read (`plurel_rt.embedders`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from plurel.errors import RequestError

if TYPE_CHECKING:
    from plurel_sampler import Store

Verify = Literal["lengths", "checksums"]
"""What is looked at when a store is opened: headers and lengths of its files, or every byte."""


def open_store(path: Path, verify: Verify = "lengths") -> Store:
    """A packed store.

    Args:
        path: its folder.
        verify: how closely its files are looked at.

    Raises:
        RequestError: there is none; says which ones lie inside or beside the path.
        plurel_sampler.StoreFormatError: a file of it is damaged.
    """
    from plurel_sampler import Store

    if (path / "store.json").is_file():
        return Store.open(path, verify)
    near = {
        where: sorted(entry.name for entry in folder.iterdir() if (entry / "store.json").is_file())
        for where, folder in (("in it", path), ("beside it", path.absolute().parent))
        if folder.is_dir()
    }
    hints = [f"{where} lie {', '.join(names)}" for where, names in near.items() if names]
    raise RequestError(
        f"no packed store at {path} (a folder with store.json, as `plurel preprocess` makes); "
        + ("; ".join(hints) or "nor is there one beside it")
    )


def identity(store: Store) -> dict[str, str | None]:
    """What a checkpoint keeps of a store.

    Returns:
        `path`; `sha256`, that of `store.json`, which holds the checksums of all other files; `database`, a
        checksum of the rows that it was packed from, None where the store does not say from which.
    """
    from plurel_sampler.packing import database_of

    return {
        "path": str(store.path),
        "sha256": hashlib.sha256((store.path / "store.json").read_bytes()).hexdigest(),
        "database": database_of(store),
    }


def is_among(store: Store, known: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a store is one of those that a checkpoint keeps, or packed from the same rows as one of them.

    Args:
        store: a packed store.
        known: what `identity` said of others, by any version.
    """
    this = identity(store)
    return any(
        this[name] is not None and this[name] == each.get(name)
        for each in known
        for name in ("sha256", "database")
    )
