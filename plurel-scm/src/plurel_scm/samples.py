"""A few rows of a table as its plan alone shows them, for mechanisms that must know where their inputs lie.

Values of nodes differ by orders of magnitude, and whole columns are known only once they are made. A
mechanism that scales its inputs, or cuts them at thresholds, therefore looks at some rows that are computed
from the plan: values of sources from all over the table, then node after node, with parents from the sample
of the parent's table. No intervention changes them, and they are computed only where a mechanism asks. Not
here: the rows of a database (`plurel_scm.table_plan`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from attrs import evolve, field, frozen
from numpy.typing import NDArray

from plurel.plugins.requests import BLOCK_ROWS, RowSample
from plurel_scm.foreign import BlockRows, Parent
from plurel_scm.table_plan import MechanismNode, SourceNode

if TYPE_CHECKING:
    from plurel.plugins.requests import NodeInput, ParentTable, PlannedColumn
    from plurel_scm.cuts import Cut

Values: TypeAlias = NDArray[Any]

SAMPLE_ROWS = 256
"""Most rows of a sample."""

_BLOCKS = 4
"""Most blocks whose sources are computed for it."""


@frozen(eq=False)
class SampledRows:
    """The sample of one table.

    Attributes:
        rows: rows of the whole table.
        nodes: its nodes, inputs first, by number; more may come in.
        parents: its parents, which are asked for their samples.
        known: values of those that were asked for.
    """

    rows: int
    nodes: Mapping[int, SourceNode | MechanismNode]
    parents: tuple[Parent, ...]
    known: dict[int, Values] = field(factory=dict, repr=False)

    def values(self, numbers: Sequence[int]) -> tuple[Values, ...]:
        """Values of nodes in the sample's rows, each `[sample] f32` or int64 labels."""
        with np.errstate(all="ignore"):
            for number, node in self.nodes.items():
                if number not in self.known:
                    self.known[number] = self._compute(node)
        return tuple(self.known[number] for number in numbers)

    def columns(self, columns: Sequence[PlannedColumn], cuts: Mapping[str, Cut]) -> dict[str, Values]:
        """Values of columns as children see them; of those that are yet to be cut, each label as often."""
        sampled = self.values([column.node for column in columns if column.node is not None])
        shown = dict(zip((column.name for column in columns), sampled, strict=True))
        for name, cut in cuts.items():
            shown[name] = np.arange(len(shown[name])) % len(cut.names)
        return shown

    def _compute(self, node: SourceNode | MechanismNode) -> Values:
        if isinstance(node, SourceNode):
            return np.concatenate([self._block(node, index)[place] for index, place in self.places()])
        inputs = [self.known[number] for number in node.inputs]
        return node.block(0, self.count, inputs, self._foreign)

    @property
    def count(self) -> int:
        """Rows of the sample."""
        return min(self.rows, SAMPLE_ROWS)

    @cached_property
    def _foreign(self) -> BlockRows | None:
        if not self.parents:
            return None
        pairs = [_sampled(parent, self.count) for parent in self.parents]
        return BlockRows(tuple(parent for parent, _ in pairs), tuple(rows for _, rows in pairs))

    def _block(self, node: SourceNode, index: int) -> Values:
        start = index * BLOCK_ROWS
        return node.plan.block(index, start, min(start + BLOCK_ROWS, self.rows))

    def places(self) -> list[tuple[int, NDArray[np.int64]]]:
        """The blocks that a sample is taken from, each with the rows in it."""
        count = max(1, math.ceil(self.rows / BLOCK_ROWS))
        blocks = [
            place * (count - 1) // max(1, min(count, _BLOCKS) - 1) for place in range(min(count, _BLOCKS))
        ]
        rows = [min(BLOCK_ROWS, self.rows - index * BLOCK_ROWS) for index in blocks]
        places = np.arange(self.count) * sum(rows) // max(1, self.count)
        ends = np.cumsum([0, *rows])
        return [
            (index, places[(start <= places) & (places < stop)] - start)
            for index, start, stop in zip(blocks, ends, ends[1:], strict=False)
        ]


def _sampled(parent: Parent, count: int) -> tuple[Parent, NDArray[np.int64]]:
    """A parent with its sample for rows, and the parent row of `count` rows; without a sample, none."""
    table = parent.table
    values = {} if table.sample is None else table.sample()
    rows = len(next(iter(values.values()), ()))
    found = np.arange(count) % rows if rows else np.full(count, -1)
    if not rows:
        values = {column.name: np.zeros(1, dtype=np.int64) for column in table.columns}
    short = evolve(table, table=evolve(table.table, rows=max(rows, 1)), values=values)
    return Parent(short, parent.encoders, parent.dim, parent.kernel), found


def input_sample(
    sampled: SampledRows, inputs: Sequence[NodeInput], parents: Sequence[ParentTable]
) -> RowSample:
    """The sample of a node's inputs.

    Args:
        sampled: the node's table, as far as it is drawn.
        inputs: its inputs there, which are named by their numbers.
        parents: the table's parents; of one that gives no sample there is none.
    """
    foreign: list[Values] = []
    for parent in parents:
        shown = {} if parent.sample is None else parent.sample()
        foreign += [shown.get(column.name, np.empty(0)) for column in parent.columns]
    return RowSample(inputs=sampled.values([int(value.name) for value in inputs]), foreign=tuple(foreign))
