"""Nodes without inputs whose rows are independent: uniform, gaussian, beta, and mixtures of these.

A numeric source draws its bounds, two sorted uniforms times a scale, and then each row inside them; a
categorical one draws the labels' probabilities once, whatever its name. All draws are the kernel's, so they
are the same on every machine. Not here: series along the rows (`plurel_scm.series`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from plurel.config import Choices, Draws
from plurel_scm import _kernel
from plurel_scm.labels import labels_of

if TYPE_CHECKING:
    from plurel.plugins.protocols import SourcePlan
    from plurel.plugins.requests import SourceRequest
    from plurel.seeding import Stream

F32: TypeAlias = NDArray[np.float32]
F64: TypeAlias = NDArray[np.float64]
I64: TypeAlias = NDArray[np.int64]

MOST_COMPONENTS = 3


def value_scales() -> Choices:
    """The prior's scales of a source's bounds."""
    return Choices(kind="set", value=[0.01, 0.1, 1.0, 10.0, 100.0])


def beta_parameters() -> Choices:
    """The prior's parameters of Beta sources."""
    return Choices(kind="range", value=[0.5, 5.0])


def draw_bounds(value_scale: Choices, stream: Stream) -> tuple[float, float]:
    """Lower and upper bound of a source: two sorted uniforms times a drawn scale."""
    scale = float(value_scale.draw(stream / "value scale"))
    low, high = np.sort(_kernel.uniform((stream / "bounds").key, 0, 2)) * scale
    return float(low), float(high)


class Distribution(Protocol):
    """A distribution of numbers."""

    def sample(self, stream: Stream, block: int, count: int) -> F64:
        """Independent draws from a block of a stream, `[count] f64`."""
        ...


@frozen
class UniformBetween:
    """Uniform between two bounds."""

    low: float
    high: float

    def sample(self, stream: Stream, block: int, count: int) -> F64:
        """Independent draws from a block of a stream, `[count] f64`."""
        return self.low + (self.high - self.low) * _kernel.uniform(stream.key, block, count)


@frozen
class GaussianBetween:
    """Normal around the midpoint with a quarter of the width as deviation, clipped to the bounds."""

    low: float
    high: float

    def sample(self, stream: Stream, block: int, count: int) -> F64:
        """Independent draws from a block of a stream, `[count] f64`."""
        deviations = _kernel.normal(stream.key, block, count)
        draws: F64 = (self.low + self.high) / 2 + (self.high - self.low) / 4 * deviations
        return np.clip(draws, self.low, self.high, out=draws)


@frozen
class BetaBetween:
    """A Beta distribution stretched to the bounds."""

    low: float
    high: float
    alpha: float
    beta: float

    def sample(self, stream: Stream, block: int, count: int) -> F64:
        """Independent draws from a block of a stream, `[count] f64`."""
        shares = _kernel.beta(stream.key, block, count, self.alpha, self.beta)
        return self.low + (self.high - self.low) * shares


@frozen
class Mixture:
    """Each draw comes from one of the components, all equally likely."""

    components: tuple[Distribution, ...]

    def sample(self, stream: Stream, block: int, count: int) -> F64:
        """Independent draws from a block of a stream, `[count] f64`."""
        chosen = _kernel.below((stream / "chosen").key, block, count, len(self.components))
        draws = np.stack(
            [
                component.sample(stream / place, block, count)
                for place, component in enumerate(self.components)
            ]
        )
        return draws[chosen, np.arange(count)]


@frozen
class IndependentNumbers:
    """A numeric source with independent rows."""

    stream: Stream
    distribution: Distribution

    def block(self, index: int, start: int, stop: int) -> F32:
        """Values of the rows of a block, `[rows] f32`."""
        return self.distribution.sample(self.stream, index, stop - start).astype(np.float32)


@frozen(eq=False)
class IndependentLabels:
    """A categorical source with independent rows.

    Attributes:
        stream: the node's stream of draws.
        cumulated: distribution function over the labels, `[labels]`.
    """

    stream: Stream
    cumulated: F64

    def block(self, index: int, start: int, stop: int) -> I64:
        """Labels of the rows of a block, `[rows] int64`."""
        uniform = _kernel.uniform(self.stream.key, index, stop - start)
        labels = np.searchsorted(self.cumulated, uniform, side="right")
        return np.minimum(labels, len(self.cumulated) - 1).astype(np.int64)


def draw_labels(categories: int, stream: Stream) -> IndependentLabels:
    """A categorical source whose labels' probabilities are Dirichlet with all parameters 1."""
    probabilities = _kernel.shares((stream / "probabilities").key, 0, categories)
    return IndependentLabels(stream / "draws", np.cumsum(probabilities))


def _plan(request: SourceRequest, distribution: Distribution) -> SourcePlan:
    if request.output == "category":
        return draw_labels(labels_of(request.categories), request.stream)
    return IndependentNumbers(request.stream / "draws", distribution)


@frozen(kw_only=True)
class Uniform:
    """Parameters of source `uniform`, and the source itself.

    Attributes:
        value_scale: scale of the bounds.
    """

    value_scale: Choices = field(factory=value_scales, validator=Draws(0))

    def plan(self, request: SourceRequest) -> SourcePlan:
        """Draw the bounds."""
        return _plan(request, UniformBetween(*draw_bounds(self.value_scale, request.stream)))


@frozen(kw_only=True)
class Gaussian:
    """Parameters of source `gaussian`, and the source itself.

    Attributes:
        value_scale: scale of the bounds.
    """

    value_scale: Choices = field(factory=value_scales, validator=Draws(0))

    def plan(self, request: SourceRequest) -> SourcePlan:
        """Draw the bounds."""
        return _plan(request, GaussianBetween(*draw_bounds(self.value_scale, request.stream)))


@frozen(kw_only=True)
class Beta:
    """Parameters of source `beta`, and the source itself.

    Attributes:
        alpha: first parameter of the distribution.
        beta: second parameter.
        value_scale: scale of the bounds.
    """

    alpha: Choices = field(factory=beta_parameters, validator=Draws(0, above=True))
    beta: Choices = field(factory=beta_parameters, validator=Draws(0, above=True))
    value_scale: Choices = field(factory=value_scales, validator=Draws(0))

    def plan(self, request: SourceRequest) -> SourcePlan:
        """Draw bounds and parameters."""
        return _plan(request, self.distribution(request.stream))

    def distribution(self, stream: Stream) -> BetaBetween:
        """A Beta distribution with bounds and parameters of its own."""
        low, high = draw_bounds(self.value_scale, stream)
        return BetaBetween(
            low, high, float(self.alpha.draw(stream / "alpha")), float(self.beta.draw(stream / "beta"))
        )


@frozen(kw_only=True)
class Mixed:
    """Parameters of source `mixed`, and the source itself: 2 or 3 components of the three kinds above.

    Attributes:
        alpha: first parameter of Beta components.
        beta: second parameter of Beta components.
        value_scale: scale of each component's bounds.
    """

    alpha: Choices = field(factory=beta_parameters, validator=Draws(0, above=True))
    beta: Choices = field(factory=beta_parameters, validator=Draws(0, above=True))
    value_scale: Choices = field(factory=value_scales, validator=Draws(0))

    def plan(self, request: SourceRequest) -> SourcePlan:
        """Draw the components, with replacement, each with bounds of its own."""
        stream = request.stream
        (more,) = _kernel.below((stream / "count").key, 0, 1, MOST_COMPONENTS - 1)
        kinds = _kernel.below((stream / "components").key, 0, 2 + int(more), 3)
        components = [
            self._component(int(kind), stream / "component" / number) for number, kind in enumerate(kinds)
        ]
        return _plan(request, Mixture(tuple(components)))

    def _component(self, kind: int, stream: Stream) -> Distribution:
        if kind == 0:
            return UniformBetween(*draw_bounds(self.value_scale, stream))
        if kind == 1:
            return GaussianBetween(*draw_bounds(self.value_scale, stream))
        return Beta(alpha=self.alpha, beta=self.beta, value_scale=self.value_scale).distribution(stream)
