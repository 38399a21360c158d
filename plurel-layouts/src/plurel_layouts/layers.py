"""Layers of nodes, each joined with the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import field, frozen

from plurel.graph import Dag
from plurel_layouts.connect import components
from plurel_layouts.params import LayeredParams

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from plurel.plugins.requests import LayoutRequest
    from plurel.seeding import Stream


def _spread(nodes: int, depth: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Layer of each node, `[nodes]`: one node a layer, the others anywhere, numbered layer by layer."""
    return np.sort(np.concatenate([np.arange(depth), generator.integers(depth, size=nodes - depth)]))


def _restore(nodes: int, edges: NDArray[np.int64], kept: NDArray[np.bool_], rng: np.random.Generator) -> None:
    """Bring dropped edges back, in place: a parent and a child for every node, and one connected graph.

    A node of the first layer needs no parent and one of the last no child: they never had such an edge.
    """
    for end in (1, 0):
        for node in range(nodes):
            own = edges[:, end] == node
            if own.any() and not (own & kept).any():
                kept[rng.choice(np.flatnonzero(own))] = True
    while len(parts := components(nodes, edges[kept])) > 1:
        part = np.empty(nodes, dtype=np.int64)
        for number, members in enumerate(parts):
            part[members] = number
        bridges = np.flatnonzero(part[edges[:, 0]] != part[edges[:, 1]])
        kept[rng.choice(bridges)] = True


@frozen
class Layered:
    """Nodes spread at random over layers, every edge between neighbour layers but for dropped ones.

    Nodes are numbered layer by layer, as in PluRel 1.1: where nodes are columns, later ones lie deeper.
    Every node keeps a parent (beside those of the first layer) and a child (beside those of the last).
    Where the drops would split the graph, which PluRel 1.1 lets happen, dropped edges come back until it
    hangs together.

    Example:
        >>> from plurel.plugins.requests import LayoutRequest
        >>> from plurel.seeding import Stream
        >>> Layered().draw(LayoutRequest(nodes=2), Stream(0)).edges.shape
        (1, 2)
    """

    params: LayeredParams = field(factory=LayeredParams)

    def draw(self, request: LayoutRequest, stream: Stream) -> Dag:
        """A connected acyclic graph on the requested nodes."""
        nodes = request.nodes
        depth = min(self.params.depth.draw(stream / "depth"), nodes)
        layers = _spread(nodes, depth, (stream / "layers").generator())
        edges = np.argwhere(layers[:, None] + 1 == layers[None, :])
        dropout = (stream / "dropout").generator()
        kept = dropout.random(len(edges)) >= self.params.edge_dropout
        _restore(nodes, edges, kept, dropout)
        return Dag(nodes=nodes, edges=edges[kept])
