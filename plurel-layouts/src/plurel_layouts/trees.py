"""Random trees, edges away from the root or towards it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import networkx as nx
import numpy as np
from attrs import frozen

from plurel.graph import Dag

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from plurel.plugins.requests import LayoutRequest
    from plurel.seeding import Stream


def _rooted_tree(nodes: int, stream: Stream) -> NDArray[np.int64]:
    """Edges of a uniform random labelled tree, away from a uniform random root: `[nodes - 1, 2]`.

    Source: Prüfer (1918); every sequence of nodes - 2 labels is one tree.
    """
    generator = stream.generator()
    if nodes == 1:
        return np.empty((0, 2), dtype=np.int64)
    tree = nx.from_prufer_sequence(generator.integers(nodes, size=nodes - 2).tolist())
    root = int(generator.integers(nodes))
    return np.array(list(nx.bfs_edges(tree, root)), dtype=np.int64)


@frozen
class RandomTree:
    """One source; every other node has one parent.

    Example:
        >>> from plurel.plugins.requests import LayoutRequest
        >>> from plurel.seeding import Stream
        >>> sorted(RandomTree().draw(LayoutRequest(nodes=5), Stream(0)).in_degrees().tolist())
        [0, 1, 1, 1, 1]
    """

    def draw(self, request: LayoutRequest, stream: Stream) -> Dag:
        """A tree on the requested nodes."""
        return Dag(nodes=request.nodes, edges=_rooted_tree(request.nodes, stream / "tree"))


@frozen
class ReverseRandomTree:
    """One sink; every other node has one child.

    Example:
        >>> from plurel.plugins.requests import LayoutRequest
        >>> from plurel.seeding import Stream
        >>> sorted(ReverseRandomTree().draw(LayoutRequest(nodes=5), Stream(0)).out_degrees().tolist())
        [0, 1, 1, 1, 1]
    """

    def draw(self, request: LayoutRequest, stream: Stream) -> Dag:
        """A tree on the requested nodes."""
        return Dag(nodes=request.nodes, edges=_rooted_tree(request.nodes, stream / "tree")[:, ::-1])
