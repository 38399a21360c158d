"""How networks are drawn, a node's at a time.

Initialiser, density, activation and scale are drawn for each layer. A rule may do without scale and clip, as
the paper did. Not here: what networks compute (`plurel_scm.networks`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from plurel.config import Choices
from plurel.errors import ConfigError
from plurel_scm import _kernel
from plurel_scm.activations import Fixed
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
        depths: list[int] = self.num_layers.draw_many(count, stream)
        if min(depths, default=2) < 2:
            raise ConfigError(f"a network has at least 2 weight matrices, got num_layers {min(depths)}")
        return depths

    def draw_densities(self, count: int, stream: Stream) -> list[float]:
        """Densities of `count` matrices.

        Raises:
            ConfigError: for a density outside 0..1, or 0.
        """
        densities: list[float] = self.weight_density.draw_many(count, stream)
        for wrong in (min(densities, default=1), max(densities, default=1)):
            if not 0 < wrong <= 1:
                raise ConfigError(f"weight_density lies above 0 and at most at 1, got {wrong}")
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


@frozen(eq=False)
class Matrices:
    """Matrices one behind the other in memory.

    Attributes:
        weights: all of them, `[weights] f32`.
        shapes: their inputs and outputs.
    """

    weights: F32
    shapes: Sequence[tuple[int, int]]

    @cached_property
    def starts(self) -> list[int]:
        """Where each of them starts."""
        return list(accumulate((inputs * outputs for inputs, outputs in self.shapes), initial=0))

    def __len__(self) -> int:
        return len(self.shapes)

    def __iter__(self) -> Iterator[F32]:
        return (self.matrix(place) for place in range(len(self)))

    def matrix(self, place: int) -> F32:
        """One of them, `[inputs, outputs]`."""
        return self.weights[self.starts[place] : self.starts[place + 1]].reshape(self.shapes[place])


@frozen(eq=False)
class DrawnNetworks:
    """Networks that were drawn together, as lists of what their layers are made of.

    A node has some dozen of them, and the kernel wants them as lists: each becomes an object where somebody
    asks for it.

    Attributes:
        depths: number of matrices of each network.
        matrices: all matrices, network by network.
        functions: activations of all hidden layers, network by network.
        scales: their factors, `[hidden layers] f32`.
        limit: what hidden layers are clipped to.
    """

    depths: Sequence[int]
    matrices: Matrices
    functions: Sequence[Callable[[F32], F32]]
    scales: F32
    limit: np.float32

    def __len__(self) -> int:
        return len(self.depths)

    def __iter__(self) -> Iterator[Network]:
        return (self.network(place) for place in range(len(self)))

    @cached_property
    def first_matrices(self) -> list[int]:
        """The place of each network's first matrix; that of its first hidden layer is by `place` smaller."""
        return list(accumulate(self.depths, initial=0))

    @cached_property
    def scale_list(self) -> list[float]:
        """The factors as plain numbers."""
        numbers: list[float] = self.scales.tolist()
        return numbers

    def network(self, place: int) -> Network:
        """One of them."""
        matrix = self.first_matrices[place]
        last = self.first_matrices[place + 1] - 1
        hidden = tuple(
            HiddenLayer(
                self.matrices.matrix(layer + place), self.functions[layer], self.scales[layer], self.limit
            )
            for layer in range(matrix - place, last - place)
        )
        return Network(hidden, self.matrices.matrix(last))


def draw_matrices(
    shapes: Sequence[tuple[int, int]],
    initializers: Sequence[Initializer],
    stream: Stream,
    densities: Sequence[float] | None = None,
    masks: Stream | None = None,
) -> Matrices:
    """Matrices of the given shapes, each drawn by its own initialiser, whatever the others are.

    Args:
        shapes: inputs and outputs of each matrix.
        initializers: one for each matrix. A built-in one draws matrix number m from block m of `stream`, all
            of them in one call of the kernel; one from elsewhere draws it from `stream / m`.
        stream: the stream of these matrices.
        densities: the probability that a weight is kept, for each matrix; what is kept is divided by it.
        masks: which weights of matrix number m are kept is drawn from block m of this stream.
    """
    size = sum(inputs * outputs for inputs, outputs in shapes)
    matrices = Matrices(np.empty(size, dtype=np.float32), shapes)
    numbers = [rule.number if type(rule) is RuleInitializer else None for rule in initializers]
    if None in numbers:
        for place, (number, rule) in enumerate(zip(numbers, initializers, strict=True)):
            if number is None:
                matrices.matrix(place)[:] = rule.draw(shapes[place], stream / place)
    mask_key = masks.key if masks is not None else 0
    _kernel.draw_matrices(matrices.weights, shapes, numbers, stream.key, densities, mask_key)
    return matrices


def draw_networks(
    ends: Sequence[tuple[int, int]], rule: NetworkRule, parts: Parts, stream: Stream
) -> DrawnNetworks:
    """Networks that share nothing but their stream.

    Args:
        ends: inputs and outputs of each network.
        rule: how they are drawn.
        parts: the run's choices of initialisers and activations.
        stream: the stream of these networks.
    """
    depths = rule.draw_depths(len(ends), stream / "depths")
    width = rule.width
    inner = (width, width)
    shapes: list[tuple[int, int]] = []
    for (inputs, outputs), depth in zip(ends, depths, strict=True):
        shapes.append(inner if inputs == width else (inputs, width))
        shapes += [inner] * (depth - 2)
        shapes.append(inner if outputs == width else (width, outputs))
    initializers = parts.draw_many("initialization_choices", len(shapes), stream / "initializers")
    densities = rule.draw_densities(len(shapes), stream / "densities")
    matrices = draw_matrices(shapes, initializers, stream / "weights", densities, stream / "masks")
    hidden = len(shapes) - len(ends)
    activations = parts.draw_many("activation_choices", hidden, stream / "activations")
    drawn = stream / "activation"
    return DrawnNetworks(
        depths=depths,
        matrices=matrices,
        functions=[
            # A stream a layer would cost more than the layer, and only few activations draw anything.
            activation.function if type(activation) is Fixed else activation.draw(drawn / layer)
            for layer, activation in enumerate(activations)
        ],
        scales=rule.draw_scales(hidden, stream / "scales"),
        limit=rule.hidden_limit,
    )
