"""The plan of a table made by `scm`: blocks of rows, computed node by node.

Categories are labels from the start, so nothing is left to whole-column facts: `apply` changes nothing. Not
here: how the plan is drawn (`plurel_scm.table_model`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from plurel.errors import GenerationError
from plurel_scm.foreign import Parent, block_rows

if TYPE_CHECKING:
    from plurel.graph import CausalGraph
    from plurel.plugins.protocols import NodePlan, NoisePlan, SourcePlan
    from plurel.plugins.requests import BlockRequest, PlannedColumn

Values: TypeAlias = NDArray[Any]


@frozen(kw_only=True)
class SourceNode:
    """A node without inputs.

    Attributes:
        plan: its series.
    """

    plan: SourcePlan


@frozen(kw_only=True)
class MechanismNode:
    """A node with inputs.

    Attributes:
        inputs: numbers of the nodes it depends on, in the mechanism's order.
        plan: its function.
        noise: its exogenous noise.
    """

    inputs: tuple[int, ...]
    plan: NodePlan
    noise: NoisePlan


@frozen(kw_only=True, eq=False)
class ScmPlan:
    """Everything drawn for one table.

    Attributes:
        table: the table's name.
        columns: the columns it makes.
        nodes: the nodes that columns depend on, inputs first, by number.
        parents: its parents with their encoders.
        graph: what causes what, of these nodes.
        mode: how children read its columns.
    """

    table: str
    columns: tuple[PlannedColumn, ...]
    nodes: Mapping[int, SourceNode | MechanismNode]
    parents: tuple[Parent, ...]
    graph: CausalGraph
    mode: str = "eager"

    def raw(self, request: BlockRequest) -> dict[str, Values]:
        """Values of a block by column, `[rows]` f32 or int64 labels.

        Numbers too large for single precision become infinite, and NaN may follow from that: it is part of
        the prior and stands for a missing cell.

        Raises:
            GenerationError: where an intervention names no column, or a label that the column does not have.
        """
        values = self._held(request)
        foreign = block_rows(self.parents, request.parent_rows)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            for number, node in self.nodes.items():
                if number in values:
                    continue
                if isinstance(node, SourceNode):
                    values[number] = node.plan.block(request.index, request.start, request.stop)
                else:
                    noise = node.noise.block(request.index, (request.rows, *node.plan.noise_shape))
                    inputs = [values[parent] for parent in node.inputs]
                    values[number] = node.plan.compute(inputs, foreign, noise)
        return {column.name: values[column.node] for column in self.columns if column.node is not None}

    def summarize(self, raw: Mapping[str, Values]) -> None:  # noqa: ARG002
        """Nothing: no whole-column fact is needed."""
        return

    def merge(self, left: None, right: None) -> None:  # noqa: ARG002
        """Nothing: no whole-column fact is needed."""
        return

    def fit(self, summary: None) -> ScmPlan:  # noqa: ARG002
        """This plan, without what it kept of its parents while raw blocks were made."""
        return evolve(self, parents=tuple(parent.emptied() for parent in self.parents))

    def apply(self, raw: Mapping[str, Values], request: BlockRequest) -> Mapping[str, Values]:  # noqa: ARG002
        """The raw values, which are final."""
        return raw

    def _held(self, request: BlockRequest) -> dict[int, Values]:
        """The nodes held by an intervention with their values."""
        columns = {column.name: column for column in self.columns}
        held: dict[int, Values] = {}
        for name, value in request.do.items():
            column = columns.get(name)
            if column is None or column.node is None:
                raise GenerationError(
                    f"table {self.table!r} has no column {name!r} to hold at {value}; "
                    f"columns: {', '.join(columns)}"
                )
            if column.categories is not None and value not in range(column.categories):
                raise GenerationError(
                    f"column {self.table}.{name} holds the labels 0 to {column.categories - 1}, got {value}"
                )
            kind = np.float32 if column.categories is None else np.int64
            held[column.node] = np.full(request.rows, value, dtype=kind)
        return held
