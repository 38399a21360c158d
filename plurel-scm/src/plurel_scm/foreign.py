"""Parent rows as the nodes of a table see them: encoded once, joined once, then gathered.

Every planned column of a parent row is encoded by one encoder that all nodes of the table share. Many child
rows share a parent, so encodings are joined over *parent* rows, once for each kind of aggregation, and child
rows pick theirs up. A parent too large to be kept is encoded for the rows that a block needs. Not here: the
nodes' own inputs (`plurel_scm.mechanisms`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from plurel.plugins.requests import NodeInput
from plurel_scm.encoders import Encoders, draw_encoders
from plurel_scm.kernel_nodes import KernelEncoders, lowered_encoders

if TYPE_CHECKING:
    from plurel.plugins.protocols import Aggregation
    from plurel.plugins.requests import ParentTable, Parts
    from plurel.seeding import Stream
    from plurel_scm.network_draws import NetworkRule

F32: TypeAlias = NDArray[np.float32]
I64: TypeAlias = NDArray[np.int64]

PIECE_ROWS = 1024
"""Parent rows that are encoded at a time."""

KEPT_ROWS = 1 << 17
"""Parents up to this size are joined as a whole and kept, 16 MB for a kind of aggregation at width 32."""


@frozen(eq=False)
class Joiner:
    """All columns of a parent as one kind of aggregation joins them.

    Attributes:
        aggregation: the aggregation.
        kernel: the encoders in the kernel, None where numpy computes them.
        whole: encodings joined over all parent rows, `[parent rows, dim]`; None of a large parent.
    """

    aggregation: Aggregation
    kernel: KernelEncoders | None
    whole: F32 | None


@frozen(eq=False)
class Parent:
    """One foreign key's parent, with an encoder for each of its columns.

    Attributes:
        table: the parent as its children see it.
        encoders: an encoder a column, of weight 1.
        dim: width of an encoding.
        kernel: whether the kernel encodes and joins where encoders and aggregation are built in.
        kept: what was joined already, one a kind of aggregation; not part of what is pickled.
    """

    table: ParentTable
    encoders: Encoders
    dim: int
    kernel: bool = True
    kept: list[Joiner] = field(factory=list, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return Parent, (self.table, self.encoders, self.dim, self.kernel)

    def emptied(self) -> Parent:
        """The same parent with nothing kept."""
        return Parent(self.table, self.encoders, self.dim, self.kernel)

    def column(self, index: int, rows: I64 | slice) -> NDArray[Any]:
        """A column's values at parent rows."""
        return np.asarray(self.table.values[self.table.columns[index].name])[rows]

    def joined(self, aggregation: Aggregation, rows: I64) -> tuple[F32, I64]:
        """All columns' weighted encodings joined, at parent rows.

        Args:
            aggregation: what joins them.
            rows: the parent row of each row of a block, `[rows]`, -1 where there is none.

        Returns:
            Joined encodings `[parent rows, dim]`, of all parent rows or of those that are asked for, and
            which of them each row has, `[rows]`, -1 for none.
        """
        joiner = self._joiner(aggregation)
        if joiner.whole is not None:
            return joiner.whole, rows
        present = rows >= 0
        distinct, found = np.unique(rows[present], return_inverse=True)
        positions = np.full(len(rows), -1, dtype=np.int64)
        positions[present] = found
        return self._join(aggregation, joiner.kernel, distinct), positions

    def _joiner(self, aggregation: Aggregation) -> Joiner:
        for known in self.kept:
            if known.aggregation is aggregation:
                return known
        weight = aggregation.foreign_weight(len(self.encoders))
        kernel = None
        if self.kernel:
            kernel = lowered_encoders(self.dim, aggregation, self.encoders.weighted(weight))
        small = self.table.table.rows <= KEPT_ROWS
        whole = self._join(aggregation, kernel, slice(0, self.table.table.rows)) if small else None
        joiner = Joiner(aggregation, kernel, whole)
        self.kept.append(joiner)
        return joiner

    def encodings(self, rows: I64, weight: float) -> F32:
        """Each column's weighted encodings at parent rows, `[columns, rows, dim]`."""
        stack = np.empty((len(self.encoders), len(rows), self.dim), dtype=np.float32)
        for index, encoder in enumerate(self.encoders.weighted(weight)):
            encoder.encode(self.column(index, rows), stack[index])
        return stack

    def _join(self, aggregation: Aggregation, kernel: KernelEncoders | None, rows: I64 | slice) -> F32:
        if kernel is not None:
            columns = [self.column(index, rows) for index in range(len(self.encoders))]
            return kernel.join(len(columns[0]), columns)
        numbers = np.arange(self.table.table.rows)[rows]
        weight = aggregation.foreign_weight(len(self.encoders))
        joined = np.empty((len(numbers), self.dim), dtype=np.float32)
        for start in range(0, len(numbers), PIECE_ROWS):
            piece = numbers[start : start + PIECE_ROWS]
            joined[start : start + PIECE_ROWS] = aggregation(self.encodings(piece, weight))
        return joined


@frozen(eq=False)
class BlockRows:
    """The parent rows of one block: what `plurel.plugins.protocols.ForeignRows` asks for.

    Attributes:
        parents: the parents.
        rows: for each of them the parent row of every row of the block, -1 where the key is null.
        known: what was joined already, by aggregation.
    """

    parents: tuple[Parent, ...]
    rows: tuple[I64, ...]
    known: list[tuple[Aggregation, tuple[F32, ...]]] = field(factory=list, repr=False)

    def values(self, index: int) -> NDArray[Any]:
        """A parent column, `[rows]` f32 (NaN without parent) or int64 labels (-1 without parent).

        Raises:
            IndexError: where there is no such column.
        """
        place = index
        for parent, rows in zip(self.parents, self.rows, strict=True):
            if place < len(parent.encoders):
                labels = parent.table.columns[place].kind == "category" and parent.table.mode != "lazy"
                values = np.full(
                    len(rows), -1 if labels else np.nan, dtype=np.int64 if labels else np.float32
                )
                present = rows >= 0
                values[present] = parent.column(place, rows[present])
                return values
            place -= len(parent.encoders)
        raise IndexError(f"the parents have no column number {index}")

    def encodings(self) -> F32:
        """Every parent column as a vector, `[columns, rows, dim]`; zeros without parent."""
        dim = self.parents[0].dim
        none = np.empty((0, len(self.rows[0]), dim), dtype=np.float32)
        return np.concatenate([none, *(self._encodings(*pair, 1.0, 0.0) for pair in self._pairs())])

    def joined(self, aggregation: Aggregation) -> tuple[F32, ...]:
        """What stands beside a node's own encodings in an aggregation's stack, each `[rows, dim]`."""
        for known, parts in self.known:
            if known is aggregation:
                return parts
        if aggregation.associative:
            parts = tuple(_gathered(*pair, aggregation.neutral) for pair in self.tables(aggregation))
        else:
            parts = tuple(
                part
                for parent, rows in self._pairs()
                for part in self._encodings(
                    parent, rows, aggregation.foreign_weight(len(parent.encoders)), aggregation.neutral
                )
            )
        for part in parts:
            part.flags.writeable = False
        self.known.append((aggregation, parts))
        return parts

    def tables(self, aggregation: Aggregation) -> list[tuple[F32, I64]]:
        """Of each parent that has columns its joined encodings, and which of them each row has, -1 for none.

        Args:
            aggregation: what joins them, associative.
        """
        return [parent.joined(aggregation, rows) for parent, rows in self._pairs()]

    def _pairs(self) -> list[tuple[Parent, I64]]:
        """The parents that have columns to show."""
        return [pair for pair in zip(self.parents, self.rows, strict=True) if len(pair[0].encoders)]

    def _encodings(self, parent: Parent, rows: I64, weight: float, absent: float) -> F32:
        stack = np.full((len(parent.encoders), len(rows), parent.dim), absent, dtype=np.float32)
        present = rows >= 0
        stack[:, present] = parent.encodings(rows[present], weight)
        return stack


def _gathered(table: F32, rows: I64, absent: float) -> F32:
    """Rows of a table, `absent` where there is none."""
    present = rows >= 0
    if present.all():
        return table[rows]
    part = np.full((len(rows), table.shape[1]), absent, dtype=np.float32)
    part[present] = table[rows[present]]
    return part


def foreign_inputs(table: ParentTable) -> tuple[NodeInput, ...]:
    """A parent's columns as inputs; a lazily typed parent shows its labels as numbers."""
    return tuple(
        NodeInput(
            kind="number" if table.mode == "lazy" else column.kind,
            categories=None if table.mode == "lazy" else column.categories,
            name=f"{table.foreign_key.column}.{column.name}",
        )
        for column in table.columns
    )


def draw_parents(
    tables: Sequence[ParentTable],
    dim: int,
    rule: NetworkRule,
    parts: Parts,
    stream: Stream,
    *,
    kernel: bool = True,
) -> tuple[Parent, ...]:
    """Draw the encoders of every foreign key's parent, which the kernel runs where it can and may."""
    return tuple(
        Parent(
            table,
            draw_encoders(foreign_inputs(table), dim, rule, parts, stream / table.foreign_key.column),
            dim,
            kernel,
        )
        for table in tables
    )


def block_rows(parents: tuple[Parent, ...], rows: Mapping[str, I64]) -> BlockRows | None:
    """The parent rows of a block, given those of each foreign key column; None without parents."""
    if not parents:
        return None
    return BlockRows(parents, tuple(rows[parent.table.foreign_key.column] for parent in parents))
