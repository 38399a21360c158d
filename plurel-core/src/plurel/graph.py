"""Graphs as records: the DAG of a layout, and the causal graph that a table model leaves behind.

Not here: how graphs are drawn (the layouts) or what their nodes compute (the table models).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import field, frozen

from plurel.errors import GenerationError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _edges(value: Any) -> NDArray[np.int64]:
    edges = np.asarray(value, dtype=np.int64).reshape(-1, 2)
    edges = edges[np.lexsort((edges[:, 0], edges[:, 1]))]
    edges.flags.writeable = False
    return edges


@frozen(kw_only=True, eq=False)
class Dag:
    """A directed acyclic graph on the nodes 0..nodes-1.

    Attributes:
        nodes: number of nodes, at least 1.
        edges: `[m, 2] int64`, parent -> child, without repetition; kept sorted by (child, parent).

    Raises:
        GenerationError: for an edge out of range, a repeated edge, a loop or a cycle.
    """

    nodes: int
    edges: NDArray[np.int64] = field(converter=_edges)

    def __attrs_post_init__(self) -> None:
        if self.nodes < 1:
            raise GenerationError(f"a graph has at least one node, got {self.nodes}")
        if self.edges.size and not (self.edges.min() >= 0 and self.edges.max() < self.nodes):
            raise GenerationError(f"an edge leaves the nodes 0..{self.nodes - 1}: {self.edges.tolist()}")
        if len(np.unique(self.edges, axis=0)) != len(self.edges):
            raise GenerationError(f"an edge is repeated: {self.edges.tolist()}")
        self.topological_order()

    def parents(self, node: int) -> NDArray[np.int64]:
        """Parents of a node, ascending."""
        parents: NDArray[np.int64] = self.edges[self.edges[:, 1] == node, 0]
        return parents

    def in_degrees(self) -> NDArray[np.int64]:
        """Number of parents of each node, `[nodes]`."""
        return np.bincount(self.edges[:, 1], minlength=self.nodes)

    def out_degrees(self) -> NDArray[np.int64]:
        """Number of children of each node, `[nodes]`."""
        return np.bincount(self.edges[:, 0], minlength=self.nodes)

    def topological_order(self) -> list[int]:
        """The nodes, parents first; among the ready ones the smallest number first.

        Raises:
            GenerationError: where the edges run in a circle.
        """
        from heapq import heapify, heappop, heappush

        missing = self.in_degrees()
        children: list[list[int]] = [[] for _ in range(self.nodes)]
        for parent, child in self.edges.tolist():
            children[parent].append(child)
        ready = [node for node in range(self.nodes) if missing[node] == 0]
        heapify(ready)
        order: list[int] = []
        while ready:
            node = heappop(ready)
            order.append(node)
            for child in children[node]:
                missing[child] -= 1
                if missing[child] == 0:
                    heappush(ready, child)
        if len(order) != self.nodes:
            raise GenerationError(f"the edges run in a circle: {self.edges.tolist()}")
        return order


@frozen(kw_only=True)
class CausalNode:
    """A node of a causal graph.

    Attributes:
        id: `<table>/<number>`, unique in the database.
        table: its table.
        column: the column that shows it, None where it is hidden.
        kind: `number` or `category`.
        mechanism: canonical name of what computes it: a mechanism, a source, or a table model.
    """

    id: str
    table: str
    kind: str
    mechanism: str
    column: str | None = None


@frozen(kw_only=True)
class CausalEdge:
    """A cause.

    Attributes:
        source: id of the causing node.
        target: id of the caused node.
        through: the foreign key column that leads to the cause's table, None inside a table.
        weight: the edge's weight, None where it has none.
    """

    source: str
    target: str
    through: str | None = None
    weight: float | None = None


def _nodes(value: Iterable[CausalNode]) -> tuple[CausalNode, ...]:
    return tuple(value)


def _caused(value: Iterable[CausalEdge]) -> tuple[CausalEdge, ...]:
    return tuple(value)


@frozen(kw_only=True)
class CausalGraph:
    """What causes what, in one table or in a database."""

    nodes: tuple[CausalNode, ...] = field(default=(), converter=_nodes)
    edges: tuple[CausalEdge, ...] = field(default=(), converter=_caused)

    def __add__(self, other: CausalGraph) -> CausalGraph:
        return CausalGraph(nodes=self.nodes + other.nodes, edges=self.edges + other.edges)

    def to_networkx(self) -> Any:
        """The graph as a `networkx.MultiDiGraph`; attributes are those of the records."""
        import networkx as nx
        from attrs import asdict

        graph: Any = nx.MultiDiGraph()
        for node in self.nodes:
            graph.add_node(node.id, **asdict(node, filter=lambda a, _: a.name != "id"))
        for edge in self.edges:
            graph.add_edge(edge.source, edge.target, through=edge.through, weight=edge.weight)
        return graph
