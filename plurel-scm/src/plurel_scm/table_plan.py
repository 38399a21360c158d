"""The plan of a table made by `scm`: blocks of rows, computed node by node.

In a table that is typed eagerly categories are labels from the start, so nothing is left to whole-column
facts; in one that is typed lazily they are numbers until the plan is fitted (`plurel_scm.cuts`). Not here:
how the plan is drawn (`plurel_scm.table_model`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from attrs import evolve, field, frozen
from numpy.typing import NDArray

from plurel.errors import GenerationError
from plurel.generation.scratch import read_only
from plurel_scm.cuts import Cut, CutFacts
from plurel_scm.foreign import BlockRows, Parent, block_rows
from plurel_scm.guards import node_place, placed

if TYPE_CHECKING:
    from plurel.graph import CausalGraph
    from plurel.plugins.protocols import NodePlan, NoisePlan, SourcePlan
    from plurel.plugins.requests import BlockRequest, PlannedColumn
    from plurel_scm.kernel_nodes import KernelNode
    from plurel_scm.samples import SampledRows

Values: TypeAlias = NDArray[Any]
Facts: TypeAlias = Mapping[str, CutFacts]

FIRST_ROW = "\0first row"
"""Where a raw block tells `summarize` the number of its first row; no column has this name."""


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
        kernel: function and noise in the kernel, None where numpy computes them.
    """

    inputs: tuple[int, ...]
    plan: NodePlan
    noise: NoisePlan
    kernel: KernelNode | None = None

    def block(self, index: int, rows: int, inputs: Sequence[Values], foreign: BlockRows | None) -> Values:
        """Values of a block from those of its inputs and the rows of its parents."""
        if self.kernel is not None:
            return self.kernel.compute(index, rows, inputs, foreign)
        noise = self.noise.block(index, (rows, *self.plan.noise_shape))
        return self.plan.compute([read_only(values) for values in inputs], foreign, noise)


@frozen(kw_only=True, eq=False)
class ScmPlan:
    """Everything drawn for one table.

    Attributes:
        table: the table's name.
        columns: the columns it makes.
        nodes: the nodes that columns depend on, inputs first, by number.
        parents: its parents with their encoders.
        graph: what causes what, of these nodes.
        sampled: a few of its rows as they are without any intervention.
        mode: how children read its columns, `eager` or `lazy`.
        cuts: how columns of labels are cut from numbers, by column; in a lazy table only.
    """

    table: str
    columns: tuple[PlannedColumn, ...]
    nodes: Mapping[int, SourceNode | MechanismNode]
    parents: tuple[Parent, ...]
    graph: CausalGraph
    sampled: SampledRows
    mode: str = "eager"
    cuts: Mapping[str, Cut] = field(factory=dict)

    @property
    def computed(self) -> dict[str, int]:
        """How many nodes with inputs the kernel computes, and how many numpy."""
        kernels = [node.kernel for node in self.nodes.values() if isinstance(node, MechanismNode)]
        by_numpy = sum(kernel is None for kernel in kernels)
        return {"kernel": len(kernels) - by_numpy, "numpy": by_numpy}

    def sample(self) -> Mapping[str, Values]:
        """Values that show children where the columns lie about, the same under every intervention."""
        return self.sampled.columns(self.columns, self.cuts)

    def raw(self, request: BlockRequest) -> dict[str, Values]:
        """Values of a block by column, `[rows]` f32 or int64 labels; numbers where labels are yet to be cut.

        Numbers too large for single precision become infinite, and NaN may follow from that: it is part of
        the prior and stands for a missing cell.

        Raises:
            PluginError: where a contribution fails.
            GenerationError: where one breaks its contract, or an intervention names no column, a label that
                the column does not have, or a column whose labels are not cut yet.
        """
        values = self._held(request)
        shown = {column.node: column.name for column in self.columns}
        foreign = block_rows(self.parents, request.parent_rows)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            for number, node in self.nodes.items():
                if number in values:
                    continue
                with placed(node_place(self.table, number, shown.get(number))):
                    if isinstance(node, SourceNode):
                        values[number] = node.plan.block(request.index, request.start, request.stop)
                    else:
                        inputs = [values[parent] for parent in node.inputs]
                        values[number] = node.block(request.index, request.rows, inputs, foreign)
        block = {column.name: values[column.node] for column in self.columns if column.node is not None}
        if self.cuts:
            block[FIRST_ROW] = np.array([request.start])
        return block

    def summarize(self, raw: Mapping[str, Values]) -> Facts:
        """What a block tells of the columns that will be cut."""
        return {name: cut.facts(raw[name], int(raw[FIRST_ROW][0])) for name, cut in self.cuts.items()}

    def merge(self, left: Facts, right: Facts) -> Facts:
        """What two runs of blocks tell."""
        return {name: left[name].merge(right[name]) for name in self.cuts}

    def fit(self, summary: Facts) -> ScmPlan:
        """This plan with its cuts, without what it kept of its parents while raw blocks were made."""
        return evolve(
            self,
            parents=tuple(parent.emptied() for parent in self.parents),
            cuts={name: cut.fit(summary[name]) for name, cut in self.cuts.items()},
        )

    def apply(self, raw: Mapping[str, Values], request: BlockRequest) -> Mapping[str, Values]:
        """The raw values with numbers cut into labels."""
        labels = {
            name: np.full(request.rows, request.do[name], dtype=np.int64)
            if name in request.do
            else cut.labels(raw[name])
            for name, cut in self.cuts.items()
        }
        return {**raw, **labels} if labels else raw

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
            if name in self.cuts:
                held[column.node] = np.full(request.rows, self.cuts[name].number(int(value)), np.float32)
            else:
                kind = np.float32 if column.categories is None else np.int64
                held[column.node] = np.full(request.rows, value, dtype=kind)
        return held
