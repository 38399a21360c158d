"""Whose text vectors a run reads: one embedder for all of its stores, and for where it starts from.

Not here: embedding. That happens when a store is packed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plurel.errors import ConfigError
from plurel_rt.checkpoint import CheckpointError

if TYPE_CHECKING:
    from plurel_sampler import Store


def shared_embedder(stores: Sequence[Store], name: str) -> dict[str, Any]:
    """Name, width and fingerprint of the vectors that every store must have.

    Args:
        stores: one at least.
        name: the embedder's.

    Raises:
        ConfigError: a store has none of that name, or those of another version or width.
    """
    found = [_vectors(store, name) for store in stores]
    for store, mine in zip(stores, found, strict=True):
        if mine != found[0]:
            raise ConfigError(
                f"store {store.path} was embedded by {mine}, {stores[0].path} by {found[0]}",
                ".embedder",
            )
    return found[0]


def _vectors(store: Store, name: str) -> dict[str, Any]:
    by_name = store.info["embeddings"]
    if name not in by_name:
        raise ConfigError(
            f"store {store.path} has no vectors of embedder {name!r}; it has: {', '.join(by_name) or 'none'}",
            ".embedder",
        )
    return {"name": name, "width": by_name[name]["width"], "fingerprint": by_name[name]["fingerprint"]}


def check_embedder(theirs: dict[str, Any], ours: dict[str, Any], checkpoint: Path | str) -> None:
    """Refuses vectors that a checkpoint's model has never seen.

    Args:
        theirs: what the checkpoint says of its embedder.
        ours: `shared_embedder` of the stores.
        checkpoint: named in the message.

    Raises:
        CheckpointError: they differ in name, width or fingerprint.
    """
    if theirs != ours:
        raise CheckpointError(f"{checkpoint} was trained on vectors of {theirs}; these stores have {ours}")
