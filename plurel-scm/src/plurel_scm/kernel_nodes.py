"""Nodes made of built-in parts alone, as the Rust kernel computes them.

What computes a node is part of its definition: the kernel where all of its parts are built in, numpy
otherwise. Here is what says which, and what describes a node's parts to the kernel. Not here: the numpy rules
that the kernel follows (`plurel_scm.mechanisms`, `plurel_scm.encoders`), and the arithmetic
(`crates/plurel-scm-kernel`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from plurel_scm import _kernel
from plurel_scm.activations import FIXED, SineSum
from plurel_scm.aggregations import LogSumExp, Max, Product, Sum
from plurel_scm.encoders import Encoders
from plurel_scm.mechanisms import MlpNode
from plurel_scm.noises import BetaNoisePlan

if TYPE_CHECKING:
    from plurel.plugins.protocols import Aggregation, NodePlan, NoisePlan
    from plurel_scm.foreign import BlockRows
    from plurel_scm.network_draws import DrawnNetworks

F32: TypeAlias = NDArray[np.float32]
U32: TypeAlias = NDArray[np.uint32]

ACTIVATIONS: dict[Callable[[F32], F32], int] = {
    FIXED[name]: number for number, name in enumerate(_kernel.ACTIVATIONS)
}
"""The kernel's numbers of the functions without parameters; sums of sines come after them."""

AGGREGATIONS: dict[type, int] = {
    kind: _kernel.AGGREGATIONS.index(name)
    for kind, name in ((Sum, "sum"), (Max, "max"), (Product, "product"), (LogSumExp, "logsumexp"))
}
"""The kernel's numbers of the aggregations."""


class NotBuiltInError(Exception):
    """A part is none of the kernel's, so numpy computes what it belongs to."""


@frozen
class Description:
    """Words and scalars that describe a node's parts, in the kernel's order (`description.rs` lists it)."""

    words: list[int] = field(factory=list)
    scalars: list[float] = field(factory=list)

    def encoders(self, dim: int, aggregation: Aggregation, encoders: Encoders, numbers: list[int]) -> None:
        """Add encoders and what joins their vectors.

        Args:
            dim: width of a vector.
            aggregation: what joins the vectors.
            encoders: the encoders.
            numbers: the kernel's numbers of their networks' activations.
        """
        number = AGGREGATIONS.get(type(aggregation))
        if number is None:
            raise NotBuiltInError
        self.words.extend((dim, number, len(encoders)))
        limit = float(encoders.limit)
        for place, (embeddings, weight) in enumerate(zip(encoders.embeddings, encoders.weights, strict=True)):
            self.words.append(0 if embeddings is None else len(embeddings))
            self.scalars.extend((weight, limit))
            self.network(encoders.networks, place, numbers)

    def network(self, networks: DrawnNetworks, place: int, numbers: list[int]) -> None:
        """Add one of the networks."""
        first, after = networks.first_matrices[place : place + 2]
        shapes, scales = networks.matrices.shapes, networks.scale_list
        words, scalars, limit = self.words, self.scalars, float(networks.limit)
        words.append(after - first - 1)
        for matrix in range(first, after - 1):
            layer = matrix - place
            words += (shapes[matrix][1], numbers[layer])
            scalars += (scales[layer], limit)
            function = networks.functions[layer]
            if type(function) is SineSum:
                scalars += function.terms.ravel().tolist()
        words.append(shapes[after - 1][1])

    def arrays(self) -> tuple[U32, F32]:
        """Words and scalars."""
        return np.array(self.words, dtype=np.uint32), np.array(self.scalars, dtype=np.float32)


def _run(matrices: Sequence[F32]) -> F32:
    if not matrices:
        return np.empty(0, dtype=np.float32)
    return np.concatenate([matrix.ravel() for matrix in matrices], dtype=np.float32)


def _embeddings(encoders: Encoders) -> list[F32]:
    return [embeddings for embeddings in encoders.embeddings if embeddings is not None]


def activation_number(function: Callable[[F32], F32]) -> int:
    """The kernel's number of an activation.

    Raises:
        NotBuiltInError: where it has none.
    """
    if type(function) is SineSum:
        return len(_kernel.ACTIVATIONS) + len(function.terms)
    number = ACTIVATIONS.get(function)
    if number is None:
        raise NotBuiltInError
    return number


def _column(encoder_of_labels: bool, values: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(values, dtype=np.int64 if encoder_of_labels else np.float32)


@frozen(eq=False)
class KernelNode:
    """A node that the kernel computes, its noise included.

    Attributes:
        node: the kernel's node.
        aggregation: what joins its inputs' vectors and those of parent rows.
        key: key of the stream of noise.
        labels: of each input, whether it is a category.
    """

    node: _kernel.Node
    aggregation: Aggregation
    key: int
    labels: tuple[bool, ...]

    def compute(
        self, index: int, rows: int, inputs: Sequence[NDArray[Any]], foreign: BlockRows | None
    ) -> NDArray[Any]:
        """Values of a block, `[rows]` f32 or int64 labels.

        Args:
            index: number of the block.
            rows: its number of rows.
            inputs: values of the inputs, each `[rows]` f32 or int64 labels.
            foreign: the parent rows, None in a table without parents.
        """
        columns = [_column(*pair) for pair in zip(self.labels, inputs, strict=True)]
        parents = foreign.tables(self.aggregation) if foreign is not None else []
        return self.node.compute(rows, columns, parents, self.key, index)


def lowered(plan: NodePlan, noise: NoisePlan) -> KernelNode | None:
    """The kernel's form of a node, None where a part is not built in."""
    if type(plan) is not MlpNode or type(noise) is not BetaNoisePlan:
        return None
    encoders, targets = plan.encoders, plan.targets
    description, embeddings = Description(), _embeddings(encoders)
    try:
        numbers = [activation_number(function) for function in encoders.networks.functions]
        description.encoders(plan.dim, plan.aggregation, encoders, numbers)
    except NotBuiltInError:
        return None
    description.words.append(0 if targets is None else len(targets))
    if targets is not None:
        embeddings.append(targets)
    description.network(encoders.networks, len(encoders), numbers)
    words, scalars = description.arrays()
    weights = encoders.networks.matrices.weights
    knots = noise.knots / np.float32(plan.dim)
    return KernelNode(
        node=_kernel.Node(words, scalars, weights, _run(embeddings), knots),
        aggregation=plan.aggregation,
        key=noise.stream.key,
        labels=encoders.labels,
    )


@frozen(eq=False)
class KernelEncoders:
    """Encoders of a parent's columns and what joins their vectors, in the kernel.

    Attributes:
        encoders: the kernel's encoders.
        labels: of each column, whether it is a category.
    """

    encoders: _kernel.Encoders
    labels: tuple[bool, ...]

    def join(self, rows: int, columns: Sequence[NDArray[Any]]) -> F32:
        """The joined vectors of all rows, `[rows, dim]`."""
        return self.encoders.table(rows, [_column(*pair) for pair in zip(self.labels, columns, strict=True)])


def lowered_encoders(dim: int, aggregation: Aggregation, encoders: Encoders) -> KernelEncoders | None:
    """The kernel's form of weighted encoders, None where a part is not built in."""
    description = Description()
    try:
        numbers = [activation_number(function) for function in encoders.networks.functions]
        description.encoders(dim, aggregation, encoders, numbers)
    except NotBuiltInError:
        return None
    words, scalars = description.arrays()
    weights = encoders.networks.matrices.weights
    return KernelEncoders(
        _kernel.Encoders(words, scalars, weights, _run(_embeddings(encoders))), encoders.labels
    )
