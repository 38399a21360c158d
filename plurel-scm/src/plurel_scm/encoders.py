"""From values to vectors: what stands on an edge of the causal graph.

A number goes through a network of its own; a label through an embedding and a network, which is a table of
as many vectors as there are labels. Vectors are weighted, then clipped to the rule's limit, +-1e4. Not here:
which node or parent column an encoder belongs to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from plurel_scm.labels import labels_of
from plurel_scm.network_draws import DrawnNetworks, Matrices, NetworkRule, draw_matrices, draw_networks
from plurel_scm.networks import ENCODING_LIMIT, Network, product

if TYPE_CHECKING:
    from plurel.plugins.requests import NodeInput, Parts
    from plurel.seeding import Stream

F32: TypeAlias = NDArray[np.float32]


class Encoder(Protocol):
    """Turns the values of one input into vectors."""

    def weighted(self, weight: float) -> Encoder:
        """The same encoder with its vectors multiplied by a weight before the clip."""
        ...

    def encode(self, values: NDArray[Any], out: F32) -> None:
        """Write the clipped vectors of `[rows]` values into `out`, `[rows, dim]`; NaN gives NaN."""
        ...


@frozen(eq=False)
class NumberEncoder:
    """A number through a network.

    Attributes:
        network: the network, from 1 to `dim`.
        weight: factor of its vectors.
        limit: what weighted vectors are clipped to.
    """

    network: Network
    weight: float = 1.0
    limit: np.float32 = ENCODING_LIMIT

    def weighted(self, weight: float) -> NumberEncoder:
        """The same network with a further factor."""
        return evolve(self, weight=self.weight * weight)

    def encode(self, values: NDArray[Any], out: F32) -> None:
        """Run the network, or repeat its vector where all numbers have the same."""
        if self.constant is None:
            hidden = self.network.activate(values.astype(np.float32, copy=False)[:, None])
            product(hidden, self.network.last * np.float32(self.weight), out=out)
        else:
            out[:] = self.constant
            out[np.isnan(values)] = np.nan
        np.clip(out, -self.limit, self.limit, out=out)

    @cached_property
    def constant(self) -> F32 | None:
        """The weighted vector of every number where the first layer is all zero."""
        if self.network.hidden[0].weights.any():
            return None
        vector: F32 = self.network(np.zeros((1, 1), dtype=np.float32))[0] * np.float32(self.weight)
        return vector


@frozen(eq=False)
class LabelEncoder:
    """A label through an embedding and a network, as a table `[labels, dim]`.

    Attributes:
        embeddings: a vector a label, `[labels, dim]`.
        network: the network, from `dim` to `dim`.
        weight: factor of its vectors.
        limit: what weighted vectors are clipped to.
    """

    embeddings: F32
    network: Network
    weight: float = 1.0
    limit: np.float32 = ENCODING_LIMIT

    def weighted(self, weight: float) -> LabelEncoder:
        """The same embedding and network with a further factor."""
        return evolve(self, weight=self.weight * weight)

    def encode(self, values: NDArray[Any], out: F32) -> None:
        """Look the labels up."""
        np.take(self.table, values, axis=0, out=out, mode="clip")

    @cached_property
    def table(self) -> F32:
        """The weighted and clipped vectors of all labels."""
        weighted: F32 = self.network(self.embeddings) * np.float32(self.weight)
        return np.clip(weighted, -self.limit, self.limit, out=weighted)


@frozen(eq=False)
class Encoders:
    """Encoders that were drawn together, as lists of what they are made of.

    Attributes:
        networks: a network an encoder; more may follow.
        embeddings: of each input that is a category the vectors of its labels, of a number None.
        weights: factors of their vectors.
        limit: what weighted vectors are clipped to.
    """

    networks: DrawnNetworks
    embeddings: tuple[F32 | None, ...]
    weights: tuple[float, ...]
    limit: np.float32 = ENCODING_LIMIT

    def __len__(self) -> int:
        return len(self.weights)

    def __iter__(self) -> Iterator[Encoder]:
        return iter(self.objects)

    @cached_property
    def objects(self) -> tuple[Encoder, ...]:
        """Each of them as an object."""
        return tuple(
            NumberEncoder(network, weight, self.limit)
            if embeddings is None
            else LabelEncoder(embeddings, network, weight, self.limit)
            for embeddings, weight, network in zip(self.embeddings, self.weights, self.networks, strict=False)
        )

    @property
    def labels(self) -> tuple[bool, ...]:
        """Whether each input is a category."""
        return tuple(embeddings is not None for embeddings in self.embeddings)

    def weighted(self, weight: float) -> Encoders:
        """The same encoders with a further factor."""
        return evolve(self, weights=tuple(weight * own for own in self.weights))


def draw_embeddings(categories: Sequence[int], dim: int, parts: Parts, stream: Stream) -> Matrices:
    """Unmasked embeddings, `[labels, dim]` each, with initialisers of their own."""
    initializers = parts.draw_many("initialization_choices", len(categories), stream / "initializers")
    return draw_matrices([(count, dim) for count in categories], initializers, stream / "weights")


def encoder_ends(inputs: Sequence[NodeInput], dim: int) -> list[tuple[int, int]]:
    """Inputs and outputs of the networks that encode: a number is one wide, an embedded label `dim`."""
    return [(1 if value.kind == "number" else dim, dim) for value in inputs]


def input_labels(inputs: Sequence[NodeInput]) -> list[int]:
    """Number of labels of each input that is a category."""
    return [labels_of(value.categories) for value in inputs if value.kind == "category"]


def make_encoders(
    inputs: Sequence[NodeInput], networks: DrawnNetworks, embeddings: Iterable[F32], limit: np.float32
) -> Encoders:
    """An encoder for each input, its edge's weight included.

    Args:
        inputs: what is to be encoded.
        networks: one for each input, as `encoder_ends` says; more may follow.
        embeddings: one for each input that is a category, as `input_labels` says; more may follow.
        limit: what weighted vectors are clipped to.
    """
    tables = iter(embeddings)
    return Encoders(
        networks=networks,
        embeddings=tuple(None if value.kind == "number" else next(tables) for value in inputs),
        weights=tuple(value.weight for value in inputs),
        limit=limit,
    )


def draw_encoders(
    inputs: Sequence[NodeInput], dim: int, rule: NetworkRule, parts: Parts, stream: Stream
) -> Encoders:
    """Draw an encoder for each input.

    Args:
        inputs: what is to be encoded.
        dim: width of a vector.
        rule: how networks are drawn.
        parts: the run's choices of initialisers and activations.
        stream: the stream of these encoders.
    """
    networks = draw_networks(encoder_ends(inputs, dim), rule, parts, stream / "networks")
    embeddings = draw_embeddings(input_labels(inputs), dim, parts, stream / "embeddings")
    return make_encoders(inputs, networks, embeddings, rule.encoding_limit)
