"""Whose text vectors a run reads: one embedder for all of its stores, and for where it starts from.

A store keeps vectors by their embedder's bare name, and may say in full (`dist:name`) who made them. Not
here: embedding. That happens when a store is packed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plurel.errors import AmbiguousNameError, ConfigError, UnknownNameError
from plurel.plugins import Entry, get_ledger
from plurel_rt.checkpoint import CheckpointError

if TYPE_CHECKING:
    from plurel_sampler import Store

KIND = "embedders"


def shared_embedder(stores: Sequence[Store], name: str) -> dict[str, Any]:
    """Name, width and fingerprint of the vectors that every store must have.

    Args:
        stores: one at least.
        name: the embedder's, bare or in full.

    Raises:
        ConfigError: a store has none of that name, or those of another version, width or distribution.
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
    bare = _bare(name)
    if bare not in by_name:
        raise ConfigError(
            f"store {store.path} has no vectors of embedder {name!r}; it has: {', '.join(by_name) or 'none'}",
            ".embedder",
        )
    by = recorded(store.info["provenance"], bare)
    if name != bare and by and name not in by:
        raise ConfigError(
            f"store {store.path} has vectors of embedder {' and '.join(sorted(by))}, not of {name}",
            ".embedder",
        )
    return {"name": bare, "width": by_name[bare]["width"], "fingerprint": by_name[bare]["fingerprint"]}


def embedder_of(name: str, told: Iterable[str]) -> Entry | None:
    """The contribution that made a run's vectors; None where it is not installed, as it need not be.

    Args:
        name: as the recipe has it, bare or in full.
        told: full names of that embedder by what knows: the run's checkpoint, or its stores.

    Raises:
        ConfigError: several distributions contribute that name, and nothing tells which of them is meant.
    """
    ledger = get_ledger()
    known = set(told) if name == _bare(name) else set()
    full = known.pop() if len(known) == 1 else name
    try:
        return ledger.find(KIND, full)
    except UnknownNameError:
        return None
    except AmbiguousNameError:
        several = ledger.providers(KIND, full)
        raise ConfigError(
            f"embedder {name!r} is contributed by "
            + " and ".join(f"{each.id} ({each.dist} {each.version})" for each in several)
            + f", and the stores do not say whose vectors they hold; write dist:name, as in {several[0].id}",
            ".embedder",
        ) from None


def recorded(provenance: Any, name: str) -> set[str]:
    """Full names of an embedder in what a store says of its making, or among a checkpoint's contributions.

    Args:
        provenance: a store's, which may be anything; or a list of contributions.
        name: the embedder's bare name.
    """
    said = provenance.get("contributions") if isinstance(provenance, dict) else provenance
    ids = [
        each.get("id")
        for each in (said if isinstance(said, list) else ())
        if isinstance(each, dict) and each.get("kind") == KIND
    ]
    return {full for full in ids if isinstance(full, str) and _bare(full) == name}


def _bare(name: str) -> str:
    return name.rpartition(":")[2]


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
