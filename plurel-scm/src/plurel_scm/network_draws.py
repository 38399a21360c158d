"""How networks are drawn, a node's at a time.

Initialiser, density, activation and scale are drawn for each layer. A rule may do without scale and clip, as
the paper did. Not here: what networks compute (`plurel_scm.networks`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from plurel.config import Choices
from plurel.errors import ConfigError
from plurel_scm import _kernel
from plurel_scm.initializers import RuleInitializer
from plurel_scm.networks import ENCODING_LIMIT, HIDDEN_LIMIT, NO_LIMIT, HiddenLayer, Network

if TYPE_CHECKING:
    from plurel.plugins.protocols import Initializer
    from plurel.plugins.requests import Parts
    from plurel.seeding import Stream

F32: TypeAlias = NDArray[np.float32]

MOST_LOG_SCALE = 80.0
"""Largest logarithm of a factor: its exponential is finite in single precision, and the inverse is not 0."""


def default_layers() -> Choices:
    """The prior's number of weight matrices."""
    return Choices(kind="range", value=[2, 4])


def default_density() -> Choices:
    """The prior's share of weights that are kept."""
    return Choices(kind="range", value=[0.3, 1.0])


def default_log_scale() -> Choices:
    """Logarithm of the prior's factor on what an activation gives."""
    return Choices(kind="range", value=[-1.0, 1.0])


@frozen(kw_only=True)
class NetworkRule:
    """How networks are drawn.

    Attributes:
        num_layers: number of weight matrices, at least 2.
        weight_density: probability that a weight is kept; the kept ones are divided by it.
        width: width of hidden layers.
        log_scale: logarithm of the factor on what a hidden layer's activation gives.
        clipped: whether hidden layers are clipped to +-1e6 and encodings to +-1e4.
    """

    num_layers: Choices
    weight_density: Choices
    width: int
    log_scale: Choices = field(factory=default_log_scale)
    clipped: bool = True

    def draw_depths(self, count: int, stream: Stream) -> list[int]:
        """Numbers of weight matrices of `count` networks.

        Raises:
            ConfigError: for fewer than two.
        """
        depths = [int(depth) for depth in self.num_layers.draw_many(count, stream)]
        if min(depths, default=2) < 2:
            raise ConfigError(f"a network has at least 2 weight matrices, got num_layers {min(depths)}")
        return depths

    def draw_densities(self, count: int, stream: Stream) -> list[float]:
        """Densities of `count` matrices.

        Raises:
            ConfigError: for a density outside 0..1, or 0.
        """
        densities = [float(density) for density in self.weight_density.draw_many(count, stream)]
        wrong = [density for density in densities if not 0 < density <= 1]
        if wrong:
            raise ConfigError(f"weight_density lies above 0 and at most at 1, got {wrong[0]}")
        return densities

    def draw_scales(self, count: int, stream: Stream) -> F32:
        """Factors of `count` hidden layers, `[count] f32`."""
        logarithms = np.array(self.log_scale.draw_many(count, stream), dtype=np.float64)
        return _kernel.exp(logarithms).astype(np.float32)

    @property
    def hidden_limit(self) -> np.float32:
        """What hidden layers are clipped to, infinity where they are not."""
        return HIDDEN_LIMIT if self.clipped else NO_LIMIT

    @property
    def encoding_limit(self) -> np.float32:
        """What weighted encodings are clipped to, infinity where they are not."""
        return ENCODING_LIMIT if self.clipped else NO_LIMIT


def draw_matrices(
    shapes: Sequence[tuple[int, int]],
    initializers: Sequence[Initializer],
    stream: Stream,
    densities: Sequence[float] | None = None,
    masks: Stream | None = None,
) -> list[F32]:
    """Matrices of the given shapes, each drawn by its own initialiser from a stream of its own.

    They lie one behind the other in memory. Those of the built-in initialisers are drawn by the kernel in one
    call, which gives what asking each of them would give.

    Args:
        shapes: inputs and outputs of each matrix.
        initializers: one for each matrix.
        stream: matrix number m is drawn from `stream / m`.
        densities: the probability that a weight is kept, for each matrix; what is kept is divided by it.
        masks: which weights are kept is drawn from block m of this stream.
    """
    sizes = [inputs * outputs for inputs, outputs in shapes]
    ends = list(accumulate(sizes))
    weights = np.empty(ends[-1] if ends else 0, dtype=np.float32)
    matrices = [
        weights[end - size : end].reshape(shape) for shape, size, end in zip(shapes, sizes, ends, strict=True)
    ]
    numbers: list[int | None] = []
    for place, (matrix, rule) in enumerate(zip(matrices, initializers, strict=True)):
        if isinstance(rule, RuleInitializer):
            numbers.append(rule.number)
        else:
            numbers.append(None)
            matrix[:] = rule.draw(matrix.shape, stream / place)
    mask_key = masks.key if masks is not None else 0
    _kernel.draw_matrices(weights, shapes, numbers, stream.keys(len(shapes)), densities, mask_key)
    return matrices


def draw_networks(
    ends: Sequence[tuple[int, int]], rule: NetworkRule, parts: Parts, stream: Stream
) -> list[Network]:
    """Networks that share nothing but their stream.

    Args:
        ends: inputs and outputs of each network.
        rule: how they are drawn.
        parts: the run's choices of initialisers and activations.
        stream: the stream of these networks.
    """
    depths = rule.draw_depths(len(ends), stream / "depths")
    inner = (rule.width, rule.width)
    shapes = [
        shape
        for (inputs, outputs), depth in zip(ends, depths, strict=True)
        for shape in [(inputs, rule.width), *[inner] * (depth - 2), (rule.width, outputs)]
    ]
    initializers = parts.draw_many("initialization_choices", len(shapes), stream / "initializers")
    densities = rule.draw_densities(len(shapes), stream / "densities")
    weights = iter(
        draw_matrices(shapes, initializers, stream / "weights", densities, stream / "masks"),
    )
    hidden = len(shapes) - len(ends)
    activations = parts.draw_many("activation_choices", hidden, stream / "activations")
    scales = rule.draw_scales(hidden, stream / "scales")
    layers = iter(zip(activations, scales, range(hidden), strict=True))
    networks = []
    for depth in depths:
        stack = []
        for _ in range(depth - 1):
            activation, scale, number = next(layers)
            function = activation.draw(stream / "activation" / number)
            stack.append(HiddenLayer(next(weights), function, scale, rule.hidden_limit))
        networks.append(Network(tuple(stack), next(weights)))
    return networks
