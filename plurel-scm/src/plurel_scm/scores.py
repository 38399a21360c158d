"""How a node's value follows from sums over its inputs: a number is one sum, a label the greatest of several.

Not here: what is summed (`plurel_scm.linear`, `plurel_scm.trees`).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from plurel.config import Choices
from plurel_scm.labels import labels_of

if TYPE_CHECKING:
    from plurel.plugins.requests import MechanismRequest

F32: TypeAlias = NDArray[np.float32]

UNIT_NOISE = np.float32(math.sqrt(12))
"""Takes noise that is uniform in 0..1 to deviation 1."""


def default_noise_scale() -> Choices:
    """Deviation of the noise where inputs give a deviation of about 1."""
    return Choices(kind="log_range", value=[0.05, 1.0])


def outputs_of(request: MechanismRequest) -> int:
    """How many sums a node is made of: one for a number, one a label for a category."""
    return labels_of(request.categories) if request.output == "category" else 1


def noise_shape(outputs: int, *, category: bool) -> tuple[int, ...]:
    """One draw a sum."""
    return (outputs,) if category else ()


def settle(sums: F32, noise: F32, scale: np.float32, *, category: bool) -> NDArray[Any]:
    """The values of a block.

    Args:
        sums: `[rows, outputs]`.
        noise: `[rows, *noise_shape]`, in 0..1 or thereabouts.
        scale: deviation of the noise.
        category: whether values are labels.

    Returns:
        `[rows]` f32, or int64 labels.
    """
    sums += (noise.reshape(sums.shape) - np.float32(0.5)) * (UNIT_NOISE * scale)
    return sums.argmax(axis=1).astype(np.int64) if category else sums[:, 0]
