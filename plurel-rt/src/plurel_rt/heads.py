"""From a masked cell's last hidden state to a loss and a prediction: a head for each encoding.

A head is a torch module with `loss` and `predict` (the protocol `Head`), contributed by the hook
`plurel_heads`, these four like anyone's; its record says which encodings it answers for. It sees target cells
only, never the context: N of them, hidden states `[N, dim]`. It draws its parameters when it is made, from
torch's default generator, which the model seeds and puts back around it. The built-in heads are single linear
layers, so that their weights are `weight` and `bias` as in published checkpoints.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from attrs import field, frozen, validators
from torch import Tensor, nn
from torch.nn import functional

from plurel_rt.batch import Targets

DECODER_STD = 0.02
"""Decoders start small: a fresh model predicts about the mean of every column."""


@frozen(kw_only=True)
class HeadConfig:
    """What every head is told by the model that it is part of; a head's own config adds its parameters.

    Attributes:
        dim: width of a hidden state.
        text_width: width of the embedder's vectors.
    """

    dim: int = field(default=256, validator=validators.ge(1))
    text_width: int = field(default=384, validator=validators.ge(1))


@runtime_checkable
class Head(Protocol):
    """What the model asks of a head."""

    def loss(self, hidden: Tensor, targets: Targets) -> Tensor:
        """`[N, dim]` hidden states and their true values -> `[N]` losses, not reduced."""

    def predict(self, hidden: Tensor, targets: Targets) -> Tensor:
        """`[N, dim]` -> `[N]` f64 values in the column's own unit, or `[N, W]` for texts.

        Reads only `mean` and `std` of `targets`, never a label.
        """


class LinearHead(nn.Linear):
    """The common part of the built-in heads: one linear layer, weights N(0, 0.02^2), bias 0."""

    def reset_parameters(self) -> None:
        """Draws the weights anew; torch calls it on construction."""
        nn.init.normal_(self.weight, std=DECODER_STD)
        nn.init.zeros_(self.bias)


class ValueHead(LinearHead):
    """One number a cell, standardised; the loss is Huber's with delta 1 on the standardised value."""

    def __init__(self, config: HeadConfig) -> None:
        super().__init__(config.dim, 1)

    def loss(self, hidden: Tensor, targets: Targets) -> Tensor:
        """Huber loss (delta 1) of the standardised value."""
        return functional.huber_loss(self(hidden)[:, 0], targets.label, reduction="none", delta=1.0)

    def predict(self, hidden: Tensor, targets: Targets) -> Tensor:
        """The value in its own unit: standardised output * std + mean."""
        standardised: Tensor = self(hidden)[:, 0].double()
        return standardised * targets.std + targets.mean


class NumberHead(ValueHead):
    """Numbers, in the column's unit."""


class DatetimeHead(ValueHead):
    """Moments in time, in microseconds since 1970."""


class BooleanHead(LinearHead):
    """One logit a cell; the loss is binary cross-entropy.

    Published models take a positive standardised value for True. That is the same wherever both values occur;
    in a column that was always True while statistics were taken, every standardised value is 0.
    """

    def __init__(self, config: HeadConfig) -> None:
        super().__init__(config.dim, 1)

    def loss(self, hidden: Tensor, targets: Targets) -> Tensor:
        """Binary cross-entropy against the value in its own unit, 0 or 1."""
        truth = (targets.label * targets.std + targets.mean > 0.5).to(hidden.dtype)
        return functional.binary_cross_entropy_with_logits(self(hidden)[:, 0], truth, reduction="none")

    def predict(self, hidden: Tensor, targets: Targets) -> Tensor:  # noqa: ARG002 - the protocol's
        """The probability of True, in [0, 1]."""
        return torch.sigmoid(self(hidden)[:, 0].double())


class TextHead(LinearHead):
    """Texts and categories, as vectors of the embedder's space.

    The loss is 1 - cosine similarity to the true text's embedding: embedders differ in the length of their
    vectors, and only the direction says which text it is.
    """

    def __init__(self, config: HeadConfig) -> None:
        super().__init__(config.dim, config.text_width)

    def loss(self, hidden: Tensor, targets: Targets) -> Tensor:
        """1 - cos(prediction, truth), in [0, 2]."""
        return 1.0 - functional.cosine_similarity(self(hidden), targets.label_vector, dim=-1, eps=1e-6)

    def predict(self, hidden: Tensor, targets: Targets) -> Tensor:  # noqa: ARG002 - the protocol's
        """`[N, W]` direction of the predicted text in the embedder's space, of unit length."""
        return functional.normalize(self(hidden), dim=-1, eps=1e-6)
