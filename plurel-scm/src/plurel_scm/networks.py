"""Small multilayer perceptrons without biases, run in single precision.

A hidden layer is `clip(scale * activation(x W), +-1e6)`, the last layer is linear. Not here: how they are
drawn (`plurel_scm.network_draws`), and what they encode or decode (`plurel_scm.encoders`,
`plurel_scm.mechanisms`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

F32: TypeAlias = NDArray[np.float32]

HIDDEN_LIMIT = np.float32(1e6)
ENCODING_LIMIT = np.float32(1e4)
NO_LIMIT = np.float32(np.inf)

PRODUCT_SIZE = 1 << 18
"""Multiplications of one matrix product: as many as OpenBLAS leaves to a single thread, so that no bit
depends on the number of threads. A stack of such products is faster than one long product, too."""

VECTOR_SIZE = 1 << 13
"""The same for the product of a matrix and a vector."""


def product(x: F32, weights: F32, out: F32 | None = None) -> F32:
    """The matrix product `x @ weights`, in stacks of small ones.

    Args:
        x: `[rows, inputs]`.
        weights: `[inputs, outputs]`.
        out: `[rows, outputs]` to write into, contiguous.

    Returns:
        `[rows, outputs]`.
    """
    rows, (inputs, outputs) = len(x), weights.shape
    if out is None:
        out = np.empty((rows, outputs), dtype=np.float32)
    size = PRODUCT_SIZE if outputs > 1 else VECTOR_SIZE
    height = max(1, size // (inputs * outputs))
    whole = rows - rows % height
    if whole:
        stack = out[:whole].reshape(-1, height, outputs)
        np.matmul(x[:whole].reshape(-1, height, inputs), weights, out=stack)
    if whole < rows:
        np.matmul(x[whole:], weights, out=out[whole:])
    return out


@frozen(eq=False)
class HiddenLayer:
    """One hidden layer: `clip(scale * function(x weights), +-limit)`; a limit may be infinite."""

    weights: F32
    function: Callable[[F32], F32]
    scale: np.float32
    limit: np.float32 = HIDDEN_LIMIT

    def __call__(self, x: F32) -> F32:
        """`[rows, inputs] -> [rows, outputs]`."""
        linear = x * self.weights if self.weights.shape[0] == 1 else product(x, self.weights)
        hidden = self.function(linear)
        hidden *= self.scale
        return np.clip(hidden, -self.limit, self.limit, out=hidden)


@frozen(eq=False)
class Network:
    """A multilayer perceptron: hidden layers, then a linear one.

    Attributes:
        hidden: the hidden layers, at least one.
        last: weights of the last layer, `[width, outputs]`.
    """

    hidden: tuple[HiddenLayer, ...]
    last: F32

    def activate(self, x: F32) -> F32:
        """What the last hidden layer gives, `[rows, inputs] -> [rows, width]`."""
        for layer in self.hidden:
            x = layer(x)
        return x

    def __call__(self, x: F32) -> F32:
        """`[rows, inputs] -> [rows, outputs]`."""
        return product(self.activate(x), self.last)
