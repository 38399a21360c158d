"""The hashed embedder with parameters, as core's ledger makes it. Loaded by the ledger only."""

from __future__ import annotations

from attrs import field, frozen, validators

from plurel_sampler.embedders import HashedEmbedder


@frozen
class HashedParams:
    """Parameters of the hashed embedder.

    Attributes:
        width: length of a vector.
    """

    width: int = field(default=256, validator=[validators.instance_of(int), validators.ge(1)])


def make(config: HashedParams) -> HashedEmbedder:
    """The embedder of these parameters."""
    return HashedEmbedder(config.width)
