"""The prior's six ways to draw weight matrices.

Matrices are (inputs, outputs) and, as in the published prior, the *output* width stands for the fan-in.
Shapes may carry leading axes: they are a stack of independent matrices. Not here: masks
(`plurel_scm.networks`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

if TYPE_CHECKING:
    from plurel.seeding import Stream

F32: TypeAlias = NDArray[np.float32]
Shape: TypeAlias = tuple[int, ...]
Rule: TypeAlias = Callable[[Shape, np.random.Generator], F32]

TRUNCATION = 2.0
SPARSE_DEVIATION = 0.01
SPARSE_ZEROS = 0.5


def _normal(shape: Shape, deviation: float, generator: np.random.Generator) -> F32:
    weights = generator.standard_normal(shape, dtype=np.float32)
    weights *= np.float32(deviation)
    return weights


def _uniform(shape: Shape, deviation: float, generator: np.random.Generator) -> F32:
    """Uniform around 0 with a standard deviation, so that its bound is `sqrt(3)` times that."""
    bound = np.float32(math.sqrt(3) * deviation)
    weights = generator.random(shape, dtype=np.float32)
    weights *= 2 * bound
    weights -= bound
    return weights


def _kaiming_deviation(shape: Shape) -> float:
    return math.sqrt(2 / shape[-1])


def _xavier_deviation(shape: Shape) -> float:
    return math.sqrt(2 / (shape[-2] + shape[-1]))


def kaiming_normal(shape: Shape, generator: np.random.Generator) -> F32:
    """Normal with standard deviation `sqrt(2 / outputs)` (He et al., 2015)."""
    return _normal(shape, _kaiming_deviation(shape), generator)


def kaiming_uniform(shape: Shape, generator: np.random.Generator) -> F32:
    """Uniform with standard deviation `sqrt(2 / outputs)` (He et al., 2015)."""
    return _uniform(shape, _kaiming_deviation(shape), generator)


def xavier_normal(shape: Shape, generator: np.random.Generator) -> F32:
    """Normal with standard deviation `sqrt(2 / (inputs + outputs))` (Glorot and Bengio, 2010)."""
    return _normal(shape, _xavier_deviation(shape), generator)


def xavier_uniform(shape: Shape, generator: np.random.Generator) -> F32:
    """Uniform with standard deviation `sqrt(2 / (inputs + outputs))` (Glorot and Bengio, 2010)."""
    return _uniform(shape, _xavier_deviation(shape), generator)


def truncated_normal(shape: Shape, generator: np.random.Generator) -> F32:
    """Standard normal cut at +-2: what lies outside is drawn again."""
    weights = generator.standard_normal(shape, dtype=np.float32)
    outside = np.abs(weights) > TRUNCATION
    while outside.any():
        weights[outside] = generator.standard_normal(int(outside.sum()), dtype=np.float32)
        outside = np.abs(weights) > TRUNCATION
    return weights


def sparse(shape: Shape, generator: np.random.Generator) -> F32:
    """Normal with standard deviation 0.01 and `ceil(inputs / 2)` random zeros a column (Martens, 2010)."""
    weights = _normal(shape, SPARSE_DEVIATION, generator)
    zeros = math.ceil(SPARSE_ZEROS * shape[-2])
    ranks = generator.random(shape, dtype=np.float32).argsort(axis=-2).argsort(axis=-2)
    weights[ranks < zeros] = 0
    return weights


RULES: dict[str, Rule] = {
    "kaiming_normal": kaiming_normal,
    "kaiming_uniform": kaiming_uniform,
    "xavier_normal": xavier_normal,
    "xavier_uniform": xavier_uniform,
    "truncated_normal": truncated_normal,
    "sparse": sparse,
}
"""The rules, by the name of their contribution."""


@frozen
class RuleInitializer:
    """An initialiser that follows one of the rules."""

    rule: Rule

    def draw(self, shape: Shape, stream: Stream) -> F32:
        """Weights of a shape, `[..., inputs, outputs] f32`."""
        return self.rule(shape, stream.generator())


def initializer(name: str) -> RuleInitializer:
    """The initialiser of a name in `RULES`."""
    return RuleInitializer(RULES[name])
