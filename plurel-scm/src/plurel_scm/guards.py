"""Contributions from elsewhere, held to their contracts where causal nodes use them.

A contribution that fails, or gives another shape or type than it should, is told of with its name and the
column that it was at work on; unguarded, numpy would stretch a wrong shape to a right one. A missing number
(NaN) is a value like any other. What this distribution itself contributes comes through as it is. Not here:
table models, links, timelines and transforms, which core asks and checks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from plurel.errors import GenerationError, PluginError, PlurelError
from plurel.plugins.entries import reason
from plurel.plugins.protocols import Aggregation

if TYPE_CHECKING:
    from plurel.plugins.protocols import (
        Activation,
        ForeignRows,
        Initializer,
        Mechanism,
        NodePlan,
        Noise,
        NoisePlan,
        Source,
        SourcePlan,
    )
    from plurel.plugins.requests import MechanismRequest, Parts, SourceRequest
    from plurel.seeding import Stream

F32: TypeAlias = NDArray[np.float32]

OURS = "plurel_scm."
"""What modules of this distribution begin with."""


class FaultError(Exception):
    """What a contribution did wrong, before it is known where.

    Args:
        who: the contribution, as in `the noise other:pink`.
        what: what it did, as in `gave shape (3,) of float32 instead of ...`.
        failed: whether it raised instead of giving something.
    """

    def __init__(self, who: str, what: str, *, failed: bool = False) -> None:
        super().__init__(who, what)
        self.who = who
        self.what = what
        self.failed = failed


def node_place(table: str, number: int, column: str | None) -> str:
    """What is said of a causal node: its column, or that it is hidden.

    Example:
        >>> node_place("orders", 7, "amount"), node_place("orders", 8, None)
        ('orders.amount', 'the hidden node 8 of orders')
    """
    return f"{table}.{column}" if column is not None else f"the hidden node {number} of {table}"


@contextmanager
def placed(place: str) -> Iterator[None]:
    """Say where a fault was found.

    Args:
        place: what was being made, as in `orders.amount`.

    Raises:
        PluginError: for a contribution that raised.
        GenerationError: for one that gave something else than it should.
    """
    try:
        yield
    except FaultError as fault:
        if fault.failed:
            raise PluginError(f"{fault.who} failed at {place}: {fault.what}") from fault.__cause__
        raise GenerationError(f"{fault.who} broke its contract for {place}: {fault.what}") from None


@contextmanager
def blamed(who: str) -> Iterator[None]:
    """Turn what a contribution raises into a `FaultError`; our own errors, a want of memory or disk stay."""
    try:
        yield
    except (FaultError, PlurelError, MemoryError, OSError):
        raise
    except Exception as error:
        raise FaultError(who, reason(error), failed=True) from error


def checked(
    who: str, values: Any, shape: tuple[int, ...], dtype: Any = np.float32, meaning: str = ""
) -> NDArray[Any]:
    """An array that a contribution gave, as one that may be written into.

    Args:
        who: the contribution.
        values: what it gave.
        shape: what it should have.
        dtype: the type it should have.
        meaning: what the values stand for, where the type alone does not tell.

    Raises:
        FaultError: unless it has exactly this shape and type.
    """
    wanted = f"expected shape {shape} of {np.dtype(dtype)}{meaning}"
    if type(values) is not np.ndarray:  # a masked array, say, adds up in other ways
        raise FaultError(who, f"{wanted}, got a {type(values).__name__}")
    if values.shape != shape or values.dtype != dtype:
        raise FaultError(who, f"{wanted}, got shape {values.shape} of {values.dtype}")
    return values if values.flags.writeable else values.copy()


def checked_column(who: str, values: Any, rows: int, categories: int | None) -> NDArray[Any]:
    """The values of a node, `[rows]` f32 or int64 labels.

    Raises:
        FaultError: for another shape or type, or a label that there is not.
    """
    if categories is None:
        return checked(who, values, (rows,))
    labels = f" (the labels 0..{categories - 1} of a category)"
    column = checked(who, values, (rows,), np.int64, labels)
    if rows and not (column.min() >= 0 and column.max() < categories):
        raise FaultError(who, f"expected labels 0..{categories - 1}, got {column.min()}..{column.max()}")
    return column


@frozen
class GuardedFunction:
    """A drawn elementwise function."""

    inner: Callable[[F32], F32]
    who: str

    def __call__(self, x: F32) -> F32:
        """The function's values."""
        shape = x.shape
        with blamed(self.who):
            values = self.inner(x)
        return checked(self.who, values, shape)


@frozen
class GuardedActivation:
    """An activation."""

    inner: Activation
    who: str

    def draw(self, stream: Stream) -> GuardedFunction:
        """The drawn function."""
        with blamed(self.who):
            function = self.inner.draw(stream)
        return GuardedFunction(function, self.who)


@frozen
class GuardedInitializer:
    """An initialiser; its weights are finite."""

    inner: Initializer
    who: str

    def draw(self, shape: tuple[int, ...], stream: Stream) -> F32:
        """Weights of the shape."""
        with blamed(self.who):
            weights = self.inner.draw(shape, stream)
        weights = checked(self.who, weights, shape)
        if not np.isfinite(weights).all():
            raise FaultError(self.who, "expected finite weights, got NaN or infinity")
        return weights


@frozen
class GuardedAggregation(Aggregation):
    """An aggregation."""

    inner: Aggregation
    who: str
    associative: bool
    neutral: float

    def foreign_weight(self, columns: int) -> float:
        """Weight of an encoding of a parent row."""
        with blamed(self.who):
            return self.inner.foreign_weight(columns)

    def __call__(self, stack: F32) -> F32:
        """The joined encodings."""
        shape = stack.shape[1:]
        with blamed(self.who):
            joined = self.inner(stack)
        return checked(self.who, joined, shape)


@frozen
class GuardedNoisePlan:
    """A node's noise."""

    inner: NoisePlan
    who: str

    def block(self, index: int, shape: tuple[int, ...]) -> F32:
        """The noise of a block."""
        with blamed(self.who):
            noise = self.inner.block(index, shape)
        return checked(self.who, noise, shape)


@frozen
class GuardedNoise:
    """A kind of noise."""

    inner: Noise
    who: str

    def plan(self, stream: Stream) -> GuardedNoisePlan:
        """A node's noise."""
        with blamed(self.who):
            plan = self.inner.plan(stream)
        return GuardedNoisePlan(plan, self.who)


@frozen
class GuardedSourcePlan:
    """A node without inputs."""

    inner: SourcePlan
    who: str
    categories: int | None

    def block(self, index: int, start: int, stop: int) -> NDArray[Any]:
        """Values of the rows of a block."""
        with blamed(self.who):
            values = self.inner.block(index, start, stop)
        return checked_column(self.who, values, stop - start, self.categories)


@frozen
class GuardedSource:
    """A kind of source."""

    inner: Source
    who: str

    def plan(self, request: SourceRequest) -> GuardedSourcePlan:
        """A node's series."""
        with blamed(self.who):
            plan = self.inner.plan(request)
        categories = request.categories if request.output == "category" else None
        return GuardedSourcePlan(plan, self.who, categories)


@frozen
class GuardedNode:
    """A node's function."""

    inner: NodePlan
    who: str
    noise_shape: tuple[int, ...]
    categories: int | None

    def compute(
        self, inputs: Sequence[NDArray[Any]], foreign: ForeignRows | None, noise: F32
    ) -> NDArray[Any]:
        """Values of a block."""
        rows = len(noise)
        with blamed(self.who):
            values = self.inner.compute(inputs, foreign, noise)
        return checked_column(self.who, values, rows, self.categories)


@frozen
class GuardedMechanism:
    """A mechanism."""

    inner: Mechanism
    who: str

    def plan(self, request: MechanismRequest) -> GuardedNode:
        """A node's function."""
        with blamed(self.who):
            plan = self.inner.plan(request)
            shape = plan.noise_shape
        categories = request.categories if request.output == "category" else None
        return GuardedNode(plan, self.who, _checked_sizes(self.who, shape), categories)


def _checked_sizes(who: str, shape: Any) -> tuple[int, ...]:
    """The shape of a row's noise."""
    if isinstance(shape, tuple) and all(type(size) is int and size >= 0 for size in shape):
        return shape
    raise FaultError(who, f"expected a noise_shape as in (32,) or (), got {shape!r}")


def _guarded_aggregation(inner: Aggregation, who: str) -> GuardedAggregation:
    return GuardedAggregation(inner, who, inner.associative, inner.neutral)


GUARDS: dict[str, tuple[str, Callable[[Any, str], Any]]] = {
    "activation_choices": ("activation", GuardedActivation),
    "initialization_choices": ("initialiser", GuardedInitializer),
    "propagation_agg_choices": ("aggregation", _guarded_aggregation),
    "noise_choices": ("noise", GuardedNoise),
    "source_gen_type_choices": ("source", GuardedSource),
    "mechanism_choices": ("mechanism", GuardedMechanism),
}
"""By choice what its contributions are called, and what guards one of them."""


@frozen(eq=False)
class GuardedParts:
    """The choices of a run, whose contributions from elsewhere are guarded.

    Attributes:
        inner: the choices.
        known: guarded contributions by choice and contribution, so that the same is always the same.
    """

    inner: Parts
    known: dict[tuple[str, int], Any] = field(factory=dict, repr=False)

    def draw(self, choice: str, stream: Stream) -> Any:
        """One of a choice."""
        return self._guard(choice, self.inner.draw(choice, stream))

    def draw_many(self, choice: str, count: int, stream: Stream) -> Sequence[Any]:
        """Several of a choice."""
        drawn = self.inner.draw_many(choice, count, stream)
        return drawn if choice not in GUARDS else [self._guard(choice, built) for built in drawn]

    def draw_entry(self, choice: str, stream: Stream) -> tuple[Any, Any]:
        """One contribution of a choice with its ledger entry."""
        entry, built = self.inner.draw_entry(choice, stream)
        return entry, self._guard(choice, built)

    def every(self, choice: str) -> Sequence[tuple[Any, Any]]:
        """Every contribution of a choice."""
        return [(entry, self._guard(choice, built)) for entry, built in self.inner.every(choice)]

    def _guard(self, choice: str, built: Any) -> Any:
        if choice not in GUARDS or type(built).__module__.startswith(OURS):
            return built
        if (choice, id(built)) not in self.known:
            kind, guard = GUARDS[choice]
            name = next(entry.id for entry, one in self.inner.every(choice) if one is built)
            self.known[choice, id(built)] = guard(built, f"the {kind} {name}")
        return self.known[choice, id(built)]
