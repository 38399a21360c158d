"""Parts of causal nodes: a mechanism, and what mechanisms are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from attrs import field, frozen, validators
from numpy.typing import NDArray

from plurel.config import Choices
from plurel.plugins.protocols import Aggregation

if TYPE_CHECKING:
    from plurel.plugins.protocols import ForeignRows
    from plurel.plugins.requests import MechanismRequest, NodeInput, SourceRequest
    from plurel.seeding import Stream

F32: TypeAlias = NDArray[np.float32]


@frozen(kw_only=True)
class LinearParams:
    """Parameters of `weighted`.

    Attributes:
        gain: what the weighted sum is multiplied by.
    """

    gain: float = field(default=1.0, validator=validators.gt(0))


@frozen
class Linear:
    """An activation of a weighted sum of a node's inputs, its parents' columns and noise."""

    params: LinearParams

    def plan(self, request: MechanismRequest) -> LinearPlan:
        """Take the edges' weights and draw the others."""
        weights = request.parts.draw("initialization_choices", request.stream / "initializer").draw(
            (max(len(request.foreign), 1), 1), request.stream / "weights"
        )
        activation = request.parts.draw("activation_choices", request.stream / "activation")
        return LinearPlan(
            inputs=request.inputs,
            foreign=request.foreign,
            weights=tuple(float(weight) for weight in weights[:, 0]),
            gain=self.params.gain,
            activation=activation.draw(request.stream / "function"),
            categories=request.categories if request.output == "category" else None,
        )


@frozen(kw_only=True, eq=False)
class LinearPlan:
    """One node's function."""

    inputs: tuple[NodeInput, ...]
    foreign: tuple[NodeInput, ...]
    weights: tuple[float, ...]
    gain: float
    activation: Callable[[F32], F32]
    categories: int | None
    noise_shape = ()

    def compute(
        self, inputs: Sequence[NDArray[Any]], foreign: ForeignRows | None, noise: F32
    ) -> NDArray[Any]:
        """Values of a block."""
        total = np.array(noise, dtype=np.float32)
        for one, values in zip(self.inputs, inputs, strict=True):
            total += np.float32(one.weight) * _centred(values, one)
        if foreign is not None:
            for place, one in enumerate(self.foreign):
                total += np.float32(self.weights[place]) * _centred(foreign.values(place), one)
        shown = self.activation(np.float32(self.gain) * total)
        if self.categories is None:
            return shown
        return np.floor(np.abs(np.nan_to_num(shown)) * 8).astype(np.int64) % self.categories


def _centred(values: NDArray[Any], one: NodeInput) -> F32:
    """Labels around 0; numbers within reach; nothing where there is no parent."""
    if one.categories is not None:
        return np.where(values < 0, 0, values - (one.categories - 1) / 2).astype(np.float32)
    return np.clip(np.nan_to_num(values), -1e3, 1e3).astype(np.float32)


@frozen(kw_only=True)
class BumpParams:
    """Parameters of `bump`.

    Attributes:
        width: of the bump.
    """

    width: Choices = field(factory=lambda: Choices("range", [0.5, 2.0]))


@frozen
class Bump:
    """A Gaussian bump."""

    params: BumpParams

    def draw(self, stream: Stream) -> Callable[[F32], F32]:
        """One of a width."""
        return FixedBump(float(self.params.width.draw(stream)))


@frozen
class FixedBump:
    """A bump of one width."""

    width: float

    def __call__(self, x: F32) -> F32:
        scaled = np.clip(x / np.float32(self.width), -1e3, 1e3)
        return np.exp(-np.square(scaled))


class Mean(Aggregation):
    """The mean over inputs."""

    def __call__(self, stack: F32) -> F32:
        """`[edges, rows, dim]` to `[rows, dim]`."""
        return stack.mean(axis=0)


class Rademacher:
    """-1 or 1, divided so that a sum over the inputs keeps its size."""

    def draw(self, shape: tuple[int, ...], stream: Stream) -> F32:
        """Weights of a shape."""
        signs = stream.generator().integers(0, 2, shape).astype(np.float32) * 2 - 1
        return signs / np.float32(np.sqrt(shape[-2]))


@frozen(kw_only=True)
class LaplaceParams:
    """Parameters of `laplace`.

    Attributes:
        scale: of the noise.
    """

    scale: float = field(default=0.5, validator=validators.gt(0))


@frozen
class Laplace:
    """Laplace noise."""

    params: LaplaceParams

    def plan(self, stream: Stream) -> LaplacePlan:
        """The noise of one node."""
        return LaplacePlan(self.params.scale, stream)


@frozen
class LaplacePlan:
    """Laplace noise of one node."""

    scale: float
    stream: Stream

    def block(self, index: int, shape: tuple[int, ...]) -> F32:
        """The noise of a block."""
        return self.stream.generator(index).laplace(0, self.scale, shape).astype(np.float32)


class Sawtooth:
    """A sawtooth along the rows."""

    def plan(self, request: SourceRequest) -> SawtoothPlan:
        """Draw the period."""
        return SawtoothPlan(int(request.stream.generator().integers(5, 50)), request.categories)


@frozen
class SawtoothPlan:
    """A sawtooth of one period."""

    period: int
    categories: int | None

    def block(self, index: int, start: int, stop: int) -> NDArray[Any]:
        """Values of a block's rows."""
        phase = np.arange(start, stop) % self.period
        if self.categories is not None:
            return phase.astype(np.int64) % self.categories
        return (phase / np.float32(self.period) - 0.5).astype(np.float32)
