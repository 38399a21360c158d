"""The causal nodes of a table before they have functions: their graph, kinds and edge weights.

Not here: what the nodes compute (`plurel_scm.table_model`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from plurel.errors import ConfigError, GenerationError
from plurel.generation.blame import blaming
from plurel.plugins.requests import LayoutRequest, NodeInput
from plurel_scm import _kernel

if TYPE_CHECKING:
    from plurel.graph import Dag
    from plurel.plugins.requests import Parts, TableRequest
    from plurel.schema import Column
    from plurel.seeding import Stream

Kind = Literal["number", "category"]

EXTRA_NODES = 3
KINDS: Mapping[str, Kind] = {"numerical": "number", "categorical": "category"}
"""Kinds by the names of `col_stype_choices`."""

EDGE_WEIGHTS: Mapping[str, Callable[[Stream, int], NDArray[np.float64]]] = {
    "gaussian": lambda stream, count: _kernel.normal(stream.key, 0, count),
    "lognormal": lambda stream, count: _kernel.exp(_kernel.normal(stream.key, 0, count)),
    "cauchy": lambda stream, count: _kernel.cauchy(stream.key, 0, count),
    "uniform": lambda stream, count: 4 * _kernel.uniform(stream.key, 0, count) - 2,
}
"""Families of edge weights by the names of `edge_weight_dist_choices`."""


@frozen(kw_only=True)
class NodeKind:
    """What a node's values are, and the column that shows them.

    Attributes:
        kind: `number` or `category`.
        categories: number of labels of a category.
        column: the column's name, None where the node is hidden.
    """

    kind: Kind
    categories: int | None = None
    column: str | None = None


@frozen(kw_only=True, eq=False)
class NodeGraph:
    """The nodes of a table and what leads to what.

    Attributes:
        dag: the graph of all nodes.
        kinds: each node's kind.
        weights: each edge's weight, in the order of `dag.edges`.
        known: what was asked for already of nodes' inputs.
    """

    dag: Dag
    kinds: tuple[NodeKind, ...]
    weights: NDArray[np.float64]
    known: dict[int, tuple[NodeInput, ...]] = field(factory=dict, repr=False)

    @property
    def shown(self) -> tuple[int, ...]:
        """The nodes that columns show, ascending: the order of the table's columns."""
        return tuple(node for node, kind in enumerate(self.kinds) if kind.column is not None)

    def live(self) -> tuple[int, ...]:
        """The nodes that columns show or depend on, inputs first; nobody ever sees the others."""
        found: set[int] = set()
        waiting = list(self.shown)
        while waiting:
            node = waiting.pop()
            if node not in found:
                found.add(node)
                waiting += self.dag.parents(node).tolist()
        return tuple(node for node in self.dag.topological_order() if node in found)

    def inputs(self, node: int) -> tuple[NodeInput, ...]:
        """What a node depends on inside the table; the names are the nodes' numbers."""
        if node not in self.known:
            edges = np.flatnonzero(self.dag.edges[:, 1] == node)
            pairs = zip(self.dag.edges[edges, 0].tolist(), self.weights[edges].tolist(), strict=True)
            self.known[node] = tuple(
                NodeInput(
                    kind=self.kinds[parent].kind,
                    categories=self.kinds[parent].categories,
                    weight=weight,
                    name=str(parent),
                )
                for parent, weight in pairs
            )
        return self.known[node]


def shown_kind(column: Column) -> NodeKind:
    """The kind of the node that stands behind a column of the schema.

    Raises:
        GenerationError: where a column of labels does not say how many there are.
    """
    if column.kind in ("number", "datetime"):
        return NodeKind(kind="number", column=column.name)
    categories = 2 if column.kind == "boolean" else column.categories
    if categories is None:
        raise GenerationError(
            f"the {column.kind} column {column.name!r} must say how many categories it has, got None"
        )
    return NodeKind(kind="category", categories=categories, column=column.name)


def draw_node_graph(request: TableRequest, *, lazy: bool = False) -> NodeGraph:
    """Draw the nodes of a table: c + ceil(c / q) + 3 of them for c columns, which sit on random ones.

    Args:
        request: the table.
        lazy: whether all nodes are numbers, whatever their columns show.

    Raises:
        PluginError: where the layout fails.
        GenerationError: where it gives another number of nodes than it was asked for.
    """
    parts, stream, columns = request.parts, request.stream, request.table.columns
    density = float(parts.draw("scm_col_node_perc_choices", stream / "column density"))
    if density <= 0:
        raise ConfigError(f"scm_col_node_perc_choices lies above 0, got {density}")
    nodes = len(columns) + math.ceil(len(columns) / density) + EXTRA_NODES
    entry, layout = parts.draw_entry("scm_layout_choices", stream / "layout")
    with blaming(f"the layout {entry.id}", f"the causal nodes of {request.table.name}"):
        dag: Dag = layout.draw(LayoutRequest(nodes=nodes), stream / "graph")
    if dag.nodes != nodes:
        raise GenerationError(
            f"the layout {entry.id} broke its contract for {request.table.name}: expected {nodes} causal "
            f"nodes, got {dag.nodes}"
        )
    order = (stream / "columns").generator().permutation(nodes)
    shown = dict(zip(sorted(order[: len(columns)].tolist()), columns, strict=True))
    hidden = iter(_hidden_kinds(nodes - len(columns), parts, stream / "hidden"))
    kinds = [shown_kind(shown[node]) if node in shown else next(hidden) for node in range(nodes)]
    if lazy:
        kinds = [NodeKind(kind="number", column=kind.column) for kind in kinds]
    family = EDGE_WEIGHTS[parts.draw("edge_weight_dist_choices", stream / "edge weight family")]
    weights = family(stream / "edge weights", len(dag.edges))
    return NodeGraph(dag=dag, kinds=tuple(kinds), weights=weights)


def _hidden_kinds(count: int, parts: Parts, stream: Stream) -> list[NodeKind]:
    kinds = parts.draw_many("col_stype_choices", count, stream / "kinds")
    categories = parts.draw_many("num_categories_choices", count, stream / "categories")
    return [
        NodeKind(kind=KINDS[kind], categories=int(labels) if KINDS[kind] == "category" else None)
        for kind, labels in zip(kinds, categories, strict=True)
    ]
