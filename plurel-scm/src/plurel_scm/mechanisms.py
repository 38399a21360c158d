"""Mechanism `mlp`: encode the inputs, join the encodings, add noise, decode.

Every input goes through an encoder of its own; the weighted encodings are aggregated together with those of
the parent rows; each dimension gets noise of its own; a network decodes the result to a number, or to the
label whose embedding it points at most. Not here: what encodes parent rows, which all nodes of a table share
(`plurel_scm.foreign`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from attrs import field, frozen, validators
from numpy.typing import NDArray

from plurel.config import Choices, Draws, Within
from plurel.config.params import MOST_LAYERS, MOST_WIDTH
from plurel_scm.encoders import (
    Encoders,
    draw_embeddings,
    encoder_ends,
    input_labels,
    make_encoders,
)
from plurel_scm.labels import labels_of
from plurel_scm.network_draws import (
    MOST_LOG_SCALE,
    NetworkRule,
    default_density,
    default_layers,
    default_log_scale,
    draw_networks,
)
from plurel_scm.networks import product

if TYPE_CHECKING:
    from plurel.plugins.protocols import Aggregation, ForeignRows
    from plurel.plugins.requests import MechanismRequest
    from plurel_scm.networks import Network

F32: TypeAlias = NDArray[np.float32]

PIECE_ROWS = 1024
"""Rows that are computed at a time: their encodings stay in the processor's cache."""


@frozen(eq=False)
class MlpNode:
    """One node's function.

    Attributes:
        encoders: one for each input, its weight included; after their networks comes the one that decodes.
        aggregation: what joins the encodings.
        targets: the embeddings that a category's output is compared with, `[labels, dim]`; None of a number.
        dim: width of an encoding.
    """

    encoders: Encoders
    aggregation: Aggregation
    targets: F32 | None
    dim: int

    @property
    def category(self) -> bool:
        """Whether the node is a category."""
        return self.targets is not None

    @cached_property
    def decoder(self) -> Network:
        """The network that decodes what is joined."""
        return self.encoders.networks.network(len(self.encoders))

    @cached_property
    def readout(self) -> F32:
        """The decoder's last layer, `[width, 1]`; the scores that it gives all labels, `[width, labels]`."""
        if self.targets is None:
            return self.decoder.last
        return product(self.decoder.last, np.ascontiguousarray(self.targets.T))

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """One number for each dimension of an encoding."""
        return (self.dim,)

    def compute(
        self, inputs: Sequence[NDArray[Any]], foreign: ForeignRows | None, noise: F32
    ) -> NDArray[Any]:
        """Values of a block, `[rows]` f32 or int64 labels; noise enters divided by the width.

        A row with a missing number among its inputs has a missing number, or the label 0.
        """
        beside = foreign.joined(self.aggregation) if foreign is not None else ()
        rows = len(noise)
        values = np.empty(rows, dtype=np.int64 if self.category else np.float32)
        edges = len(self.encoders) + len(beside)
        for start in range(0, rows, PIECE_ROWS):
            piece = slice(start, min(start + PIECE_ROWS, rows))
            stack = np.empty((edges, piece.stop - start, self.dim), dtype=np.float32)
            own, others = np.split(stack, [len(self.encoders)])
            for slot, encoder, value in zip(own, self.encoders, inputs, strict=True):
                encoder.encode(value[piece], slot)
            for slot, joined in zip(others, beside, strict=True):
                slot[:] = joined[piece]
            state = self.aggregation(stack)
            state += noise[piece] * np.float32(1 / self.dim)
            values[piece] = self._decode(state)
        return values

    def _decode(self, state: F32) -> NDArray[Any]:
        scores = product(self.decoder.activate(state), self.readout)
        return scores.argmax(axis=1) if self.category else scores[:, 0]


@frozen(kw_only=True)
class Mlp:
    """Parameters of `mlp`, and the mechanism itself.

    Attributes:
        num_layers: number of weight matrices of a network, at least 2.
        weight_density: probability that a weight is kept.
        hidden: width of hidden layers.
        log_scale: logarithm of the factor on what a hidden layer's activation gives.
        clipped: whether hidden layers are clipped to +-1e6 and encodings to +-1e4.
    """

    num_layers: Choices = field(factory=default_layers, validator=Draws(2, MOST_LAYERS, integers=True))
    weight_density: Choices = field(factory=default_density, validator=Draws(0, 1, above=True))
    hidden: int = field(default=32, validator=Within(1, MOST_WIDTH, integers=True))
    log_scale: Choices = field(factory=default_log_scale, validator=Draws(-MOST_LOG_SCALE, MOST_LOG_SCALE))
    clipped: bool = field(default=True, validator=validators.instance_of(bool))

    def plan(self, request: MechanismRequest) -> MlpNode:
        """Draw a node's encoders, aggregation and decoder."""
        parts, stream, dim = request.parts, request.stream, request.dim
        rule = NetworkRule(
            num_layers=self.num_layers,
            weight_density=self.weight_density,
            width=self.hidden,
            log_scale=self.log_scale,
            clipped=self.clipped,
        )
        category = request.output == "category"
        networks = draw_networks(
            [*encoder_ends(request.inputs, dim), (dim, dim if category else 1)],
            rule,
            parts,
            stream / "networks",
        )
        labels = input_labels(request.inputs)
        targets = [labels_of(request.categories)] if category else []
        embeddings = draw_embeddings([*labels, *targets], dim, parts, stream / "embeddings")
        return MlpNode(
            encoders=make_encoders(request.inputs, networks, embeddings, rule.encoding_limit),
            aggregation=parts.draw("propagation_agg_choices", stream / "aggregation"),
            targets=embeddings.matrix(len(labels)) if category else None,
            dim=dim,
        )
