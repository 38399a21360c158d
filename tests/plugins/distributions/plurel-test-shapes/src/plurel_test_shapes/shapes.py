"""The contributions at work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import field, frozen

from plurel.config import Choices
from plurel.graph import Dag

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from plurel.plugins.requests import LayoutRequest
    from plurel.seeding import Stream

    F32 = NDArray[np.float32]


class Star:
    """Node 0 points at all others."""

    def draw(self, request: LayoutRequest, stream: Stream) -> Dag:
        """The same star whatever the stream."""
        others = np.arange(1, request.nodes)
        return Dag(nodes=request.nodes, edges=np.stack([np.zeros_like(others), others], axis=1))


@frozen(kw_only=True)
class BumpParams:
    """Parameters of the bump."""

    width: Choices = field(factory=lambda: Choices("range", [0.5, 2.0]))


@frozen
class DrawnBump:
    """A bump of one width."""

    width: float

    def __call__(self, x: F32) -> F32:
        """The bump, elementwise."""
        bump: F32 = np.exp(-np.square(x / np.float32(self.width)))
        return bump


class Bump:
    """Draws bumps."""

    def __init__(self, params: BumpParams) -> None:
        self.params = params

    def draw(self, stream: Stream) -> Callable[[F32], F32]:
        """A bump of random width."""
        return DrawnBump(self.params.width.draw(stream))


@frozen(kw_only=True)
class LaplaceParams:
    """Parameters of the noise."""

    scale: float = 1.0


@frozen
class LaplacePlan:
    """The noise of one node."""

    scale: float
    stream: Stream

    def block(self, index: int, shape: tuple[int, ...]) -> F32:
        """Noise of a block."""
        return self.stream.generator(index).laplace(scale=self.scale, size=shape).astype(np.float32)


class Laplace:
    """Plans Laplace noise."""

    def __init__(self, params: LaplaceParams) -> None:
        self.params = params

    def plan(self, stream: Stream) -> LaplacePlan:
        """Every node has the same scale."""
        return LaplacePlan(self.params.scale, stream)
