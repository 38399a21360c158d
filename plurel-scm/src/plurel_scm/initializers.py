"""The prior's six ways to draw weight matrices.

Matrices are (inputs, outputs) and, as in the published prior, the *output* width stands for the fan-in.
Shapes may carry leading axes: they are a stack of independent matrices. The weights are drawn by the kernel,
which has no other way to draw them than this. Not here: masks (`plurel_scm.network_draws`).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from plurel_scm import _kernel

if TYPE_CHECKING:
    from plurel.seeding import Stream

F32: TypeAlias = NDArray[np.float32]
Shape: TypeAlias = tuple[int, ...]

RULES: tuple[str, ...] = _kernel.INITIALIZERS
"""Names of the rules; a rule's place is its number in the kernel.

`kaiming_normal`, `kaiming_uniform`: standard deviation `sqrt(2 / outputs)` (He et al., 2015);
`xavier_normal`, `xavier_uniform`: `sqrt(2 / (inputs + outputs))` (Glorot and Bengio, 2010);
`truncated_normal`: standard normal cut at +-2; `sparse`: normal of standard deviation 0.01 with
`ceil(inputs / 2)` random zeros a column (Martens, 2010).
"""


@frozen
class RuleInitializer:
    """An initialiser that follows one of the rules.

    Attributes:
        number: the rule's place in `RULES`.
    """

    number: int

    def draw(self, shape: Shape, stream: Stream) -> F32:
        """Weights of a shape, `[..., inputs, outputs] f32`."""
        *stack, inputs, outputs = shape
        weights = _kernel.weights(stream.key, self.number, math.prod(stack), inputs, outputs)
        return weights.reshape(shape)


def initializer(name: str) -> RuleInitializer:
    """The initialiser of a name in `RULES`."""
    return RuleInitializer(RULES.index(name))
