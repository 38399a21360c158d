"""Graphs as records: the DAG of a layout, and the causal graph that a table model leaves behind.

A causal graph lies in the `plurel.json` of its database. Not here: how graphs are drawn (the layouts), what
their nodes compute (the table models), and databases under an intervention (`SyntheticDataset.intervene`).
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np
from attrs import asdict, field, frozen

from plurel.errors import DatabaseError, GenerationError, RequestError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_Stop: TypeAlias = str | int
"""Where a walk along edges passes: the id of a node, or the number of a bundle."""

_Neighbours: TypeAlias = Mapping[_Stop, list[_Stop]]


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

    @property
    def shows(self) -> str | None:
        """`<table>.<column>`, None where the node is hidden."""
        return None if self.column is None else f"{self.table}.{self.column}"


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


def _ids(value: Iterable[str]) -> tuple[str, ...]:
    return tuple(value)


@frozen(kw_only=True)
class CausalBundle:
    """Edges without weights from every one of some nodes to every one of others: a parent and its children.

    Attributes:
        sources: ids of the causing nodes.
        targets: ids of the caused nodes.
        through: the foreign key column that leads to the causes' table.
    """

    sources: tuple[str, ...] = field(converter=_ids)
    targets: tuple[str, ...] = field(converter=_ids)
    through: str | None = None

    def __iter__(self) -> Iterator[CausalEdge]:
        """The edges one by one."""
        for target in self.targets:
            for source in self.sources:
                yield CausalEdge(source=source, target=target, through=self.through)


def _nodes(value: Iterable[CausalNode]) -> tuple[CausalNode, ...]:
    return tuple(value)


def _single(value: Iterable[CausalEdge]) -> tuple[CausalEdge, ...]:
    return tuple(value)


def _bundles(value: Iterable[CausalBundle]) -> tuple[CausalBundle, ...]:
    return tuple(value)


@frozen(kw_only=True)
class CausalGraph:
    """What causes what, in one table or in a database.

    Attributes:
        nodes: the columns, and what is hidden behind them.
        single: edges that stand for themselves; handed in as `edges`.
        bundles: edges that go from all of some nodes to all of others.

    Example:
        >>> nodes = [
        ...     CausalNode(id=f"a/{number}", table="a", kind="number", mechanism="m:m", column=column)
        ...     for number, column in enumerate(["x", None, "y", "z"])
        ... ]
        >>> edges = [CausalEdge(source="a/0", target="a/1"), CausalEdge(source="a/1", target="a/2")]
        >>> graph = CausalGraph(nodes=nodes, edges=edges)
        >>> graph.effects("a.x"), graph.causes("a.z")
        (('a.y',), ())
        >>> CausalGraph.from_dict(graph.to_dict()) == graph
        True
    """

    nodes: tuple[CausalNode, ...] = field(default=(), converter=_nodes)
    single: tuple[CausalEdge, ...] = field(default=(), converter=_single, alias="edges")
    bundles: tuple[CausalBundle, ...] = field(default=(), converter=_bundles)

    def __add__(self, other: CausalGraph) -> CausalGraph:
        return CausalGraph.union([self, other])

    @classmethod
    def union(cls, graphs: Iterable[CausalGraph]) -> CausalGraph:
        """All nodes and edges of some graphs."""
        every = list(graphs)
        return cls(
            nodes=[node for graph in every for node in graph.nodes],
            edges=[edge for graph in every for edge in graph.single],
            bundles=[bundle for graph in every for bundle in graph.bundles],
        )

    @cached_property
    def edges(self) -> tuple[CausalEdge, ...]:
        """All edges, one by one; across foreign keys there are as many as products of columns."""
        return (*self.single, *(edge for bundle in self.bundles for edge in bundle))

    @cached_property
    def columns(self) -> Mapping[str, CausalNode]:
        """The nodes that columns show, by `<table>.<column>`; columns that were dropped as constant too."""
        return {node.shows: node for node in self.nodes if node.shows is not None}

    def effects(self, column: str) -> tuple[str, ...]:
        """The columns that an intervention on a column may change, in the order of the nodes.

        Raises:
            RequestError: where no node shows the column.
        """
        return self._reached(column, self._targets)

    def causes(self, column: str) -> tuple[str, ...]:
        """The columns that may change a column when they are held at a value, in the order of the nodes.

        Raises:
            RequestError: where no node shows the column.
        """
        return self._reached(column, self._sources)

    def to_networkx(self) -> Any:
        """The graph as a `networkx.MultiDiGraph`.

        Attributes of nodes are those of the records. Edges have `through`, `weight` and the `mechanism` that
        computes what they lead to.
        """
        import networkx as nx

        graph: Any = nx.MultiDiGraph()
        for node in self.nodes:
            graph.add_node(node.id, **asdict(node, filter=lambda a, _: a.name != "id"))
        for edge in self.edges:
            graph.add_edge(
                edge.source,
                edge.target,
                through=edge.through,
                weight=edge.weight,
                mechanism=graph.nodes[edge.target].get("mechanism"),
            )
        return graph

    def to_dict(self) -> dict[str, Any]:
        """Plain data: what `from_dict` reads back to an equal graph."""
        return {
            "nodes": [asdict(node) for node in self.nodes],
            "edges": [asdict(edge) for edge in self.single],
            "bundles": [asdict(bundle) for bundle in self.bundles],
        }

    @classmethod
    def from_dict(cls, data: Any) -> Self:
        """A graph from plain data.

        Raises:
            DatabaseError: where the data are no graph, or an edge leads to no node.
        """
        try:
            graph = cls(
                nodes=[CausalNode(**node) for node in data["nodes"]],
                edges=[CausalEdge(**edge) for edge in data["edges"]],
                bundles=[CausalBundle(**bundle) for bundle in data.get("bundles", ())],
            )
            ends = {end for edge in graph.single for end in (edge.source, edge.target)}
            ends.update(end for bundle in graph.bundles for end in (*bundle.sources, *bundle.targets))
            unknown = ends - {node.id for node in graph.nodes}
        except (TypeError, KeyError, AttributeError) as error:
            raise DatabaseError(
                f"a causal graph has lists of nodes, edges and bundles, each with the fields of its record: "
                f"{error}"
            ) from error
        if unknown:
            raise DatabaseError(f"edges of a causal graph lead to its nodes, got {min(map(str, unknown))!r}")
        return graph

    @cached_property
    def _targets(self) -> _Neighbours:
        return _neighbours(self._steps())

    @cached_property
    def _sources(self) -> _Neighbours:
        return _neighbours((target, source) for source, target in self._steps())

    def _steps(self) -> Iterator[tuple[_Stop, _Stop]]:
        """The edges; those of a bundle meet at its number, so that they are not multiplied out."""
        yield from ((edge.source, edge.target) for edge in self.single)
        for number, bundle in enumerate(self.bundles):
            yield from ((source, number) for source in bundle.sources)
            yield from ((number, target) for target in bundle.targets)

    def _reached(self, column: str, neighbours: _Neighbours) -> tuple[str, ...]:
        start = self.columns.get(column)
        if start is None:
            raise RequestError(
                f"the causal graph has no column {column!r}; columns: {', '.join(self.columns)}"
            )
        found: set[_Stop] = {start.id}
        waiting: deque[_Stop] = deque(found)
        while waiting:
            new = [node for node in neighbours.get(waiting.popleft(), ()) if node not in found]
            found.update(new)
            waiting.extend(new)
        return tuple(name for name, node in self.columns.items() if node.id in found - {start.id})


def _neighbours(steps: Iterable[tuple[_Stop, _Stop]]) -> _Neighbours:
    found: defaultdict[_Stop, list[_Stop]] = defaultdict(list)
    for here, there in steps:
        found[here].append(there)
    return found


def read_causal_graph(directory: str | Path) -> CausalGraph:
    """The causal graph of a generated database, from its directory.

    Args:
        directory: where `SyntheticDataset.save` or `plurel generate` wrote it.

    Raises:
        RequestError: where there is no database, or one that records no causes, as imported ones.
        DatabaseError: where its `plurel.json` is damaged or another database's.
    """
    from plurel.relbench_io import checked_origin, read_directory

    place = Path(directory).expanduser()
    said = checked_origin(read_directory(place)) or {}
    if "causal_graph" not in said:
        raise RequestError(f"{place} records no causes: only generated databases do, in their plurel.json")
    return graph_in(said, place)


def graph_in(said: Mapping[str, Any], place: Path) -> CausalGraph:
    """The causal graph that a `plurel.json` records.

    Args:
        said: its content, which has one.
        place: its directory, as errors name it.

    Raises:
        DatabaseError: where that is no causal graph.
    """
    try:
        return CausalGraph.from_dict(said["causal_graph"])
    except DatabaseError as error:
        raise DatabaseError(f"{place / 'plurel.json'} is damaged: {error}") from error
