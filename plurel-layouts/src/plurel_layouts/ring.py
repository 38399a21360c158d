"""Small worlds: a ring of near neighbours with shortcuts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import field, frozen

from plurel.graph import Dag
from plurel_layouts.connect import connect
from plurel_layouts.params import WattsStrogatzParams

if TYPE_CHECKING:
    from plurel.plugins.requests import LayoutRequest
    from plurel.seeding import Stream


def _small_world(nodes: int, k: int, rewire_p: float, generator: np.random.Generator) -> set[tuple[int, int]]:
    """Undirected edges (low, high): each node and its k nearest, each edge rewired with `rewire_p`."""
    joined = np.zeros((nodes, nodes), dtype=bool)
    lattice = [(node, (node + step) % nodes) for step in range(1, k // 2 + 1) for node in range(nodes)]
    for node, near in lattice:
        joined[node, near] = joined[near, node] = True
    for node, near in lattice:
        if not joined[node, near] or generator.random() >= rewire_p:
            continue
        free = np.flatnonzero(~joined[node])
        free = free[free != node]
        if len(free):
            far = int(generator.choice(free))
            joined[node, near] = joined[near, node] = False
            joined[node, far] = joined[far, node] = True
    return {(int(low), int(high)) for low, high in np.argwhere(np.triu(joined))}


@frozen
class WattsStrogatz:
    """A ring where each node is joined with its k nearest, some edges rewired; oriented low -> high.

    Source: Watts and Strogatz (1998).

    Example:
        >>> from plurel.plugins.requests import LayoutRequest
        >>> from plurel.seeding import Stream
        >>> WattsStrogatz().draw(LayoutRequest(nodes=3), Stream(0)).edges.tolist()
        [[0, 1], [0, 2], [1, 2]]
    """

    params: WattsStrogatzParams = field(factory=WattsStrogatzParams)

    def draw(self, request: LayoutRequest, stream: Stream) -> Dag:
        """A connected acyclic graph on the requested nodes."""
        nodes = request.nodes
        k = min(self.params.k.draw(stream / "k"), nodes - nodes % 2)
        generator = (stream / "edges").generator()
        ring = _small_world(nodes, k, self.params.rewire_p.draw(stream / "rewire_p"), generator)
        edges = np.array(sorted(ring), dtype=np.int64).reshape(-1, 2)
        return Dag(nodes=nodes, edges=connect(nodes, edges, generator))
