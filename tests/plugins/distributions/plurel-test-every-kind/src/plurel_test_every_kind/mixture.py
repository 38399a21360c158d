"""A table model without causal nodes inside: rows of a few kinds, shifted by their parents' rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import evolve, field, frozen, validators

from plurel.graph import CausalEdge, CausalGraph, CausalNode
from plurel.plugins.requests import PlannedColumn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from plurel.plugins.requests import BlockRequest, ParentTable, TableRequest
    from plurel.schema import Column
    from plurel.seeding import Stream


MIXTURE = "plurel-test-every-kind:mixture"
"""What makes every node of such a table, by its canonical name."""


@frozen(kw_only=True)
class MixtureParams:
    """Parameters of `mixture`.

    Attributes:
        kinds: how many kinds of rows there are.
    """

    kinds: int = field(default=3, validator=validators.ge(1))


@frozen
class Mixture:
    """Plans tables of a few kinds of rows."""

    params: MixtureParams

    def plan(self, request: TableRequest) -> MixturePlan:
        """Draw the kinds' means."""
        shape = (self.params.kinds, len(request.table.columns))
        return MixturePlan(
            table=request.table.name,
            columns=tuple(
                _planned(column, number) for number, column in enumerate(request.table.columns, start=1)
            ),
            means=(request.stream / "means").generator().normal(0, 2, shape).astype(np.float32),
            parents=request.parents,
            stream=request.stream,
        )


def _planned(column: Column, node: int) -> PlannedColumn:
    if column.kind in ("number", "datetime"):
        return PlannedColumn(name=column.name, kind="number", node=node)
    categories = 2 if column.kind == "boolean" else column.categories
    return PlannedColumn(name=column.name, kind="category", categories=categories, node=node)


@frozen(kw_only=True, eq=False)
class MixturePlan:
    """A table's kinds of rows; numbers are centred once their mean is known."""

    table: str
    columns: tuple[PlannedColumn, ...]
    means: NDArray[np.float32]
    parents: tuple[ParentTable, ...]
    stream: Stream
    centres: Mapping[str, float] = field(factory=dict)
    mode = "eager"

    @property
    def graph(self) -> CausalGraph:
        """The kind of a row, node 0, causes all columns; so do the parents' numbers."""
        hidden = CausalNode(id=f"{self.table}/0", table=self.table, kind="category", mechanism=MIXTURE)
        nodes = [
            CausalNode(
                id=f"{self.table}/{column.node}",
                table=self.table,
                kind=column.kind,
                mechanism=MIXTURE,
                column=column.name,
            )
            for column in self.columns
        ]
        edges = [CausalEdge(source=hidden.id, target=node.id) for node in nodes]
        edges += [
            CausalEdge(
                source=f"{parent.table.name}/{column.node}",
                target=node.id,
                through=parent.foreign_key.column,
            )
            for parent in self.parents
            for column in parent.columns
            if column.kind == "number" and column.node is not None
            for node in nodes
        ]
        return CausalGraph(nodes=[hidden, *nodes], edges=edges)

    def raw(self, request: BlockRequest) -> dict[str, NDArray[Any]]:
        """Values before centring."""
        kinds = (self.stream / "kinds").generator(request.index).integers(0, len(self.means), request.rows)
        shift = self._shift(request)
        made: dict[str, NDArray[Any]] = {}
        for place, column in enumerate(self.columns):
            noise = (self.stream / "noise" / column.name).generator(request.index).random(request.rows)
            score = self.means[kinds, place] + shift + noise.astype(np.float32)
            if column.name in request.do:
                score = np.full(request.rows, request.do[column.name], dtype=np.float32)
            elif column.categories is not None:
                score = np.floor(np.abs(score) * 7) % column.categories
            made[column.name] = score.astype(np.float32 if column.categories is None else np.int64)
        return made

    def _shift(self, request: BlockRequest) -> NDArray[np.float32]:
        """What the parents' numbers add."""
        shift = np.zeros(request.rows, dtype=np.float32)
        for parent in self.parents:
            rows = request.parent_rows[parent.foreign_key.column]
            for column in parent.columns:
                if column.kind == "number":
                    seen = np.nan_to_num(np.asarray(parent.values[column.name])[rows])
                    shift += np.where(rows >= 0, np.tanh(seen), 0)
        return shift

    def summarize(self, raw: Mapping[str, NDArray[Any]]) -> dict[str, tuple[int, float]]:
        """Count and sum of every number."""
        return {
            column.name: (len(raw[column.name]), float(raw[column.name].sum(dtype=np.float64)))
            for column in self.columns
            if column.kind == "number"
        }

    def merge(
        self, left: dict[str, tuple[int, float]], right: dict[str, tuple[int, float]]
    ) -> dict[str, tuple[int, float]]:
        """Counts and sums of both."""
        return {
            name: (count + right[name][0], total + right[name][1]) for name, (count, total) in left.items()
        }

    def fit(self, summary: dict[str, tuple[int, float]]) -> MixturePlan:
        """This plan with the columns' means."""
        return evolve(self, centres={name: total / count for name, (count, total) in summary.items()})

    def apply(self, raw: Mapping[str, NDArray[Any]], request: BlockRequest) -> dict[str, NDArray[Any]]:
        """Numbers around 0; a column that is held stays where it is held."""
        return {
            name: values - np.float32(self.centres[name])
            if name in self.centres and name not in request.do
            else values
            for name, values in raw.items()
        }
