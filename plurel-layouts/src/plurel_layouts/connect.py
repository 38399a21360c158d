"""Helpers over lists of edges: joining what fell apart. Not here: any layout."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def components(nodes: int, edges: NDArray[np.int64]) -> list[list[int]]:
    """Weakly connected components, each ascending, ordered by their smallest node.

    Args:
        nodes: number of nodes.
        edges: `[m, 2]`.
    """
    graph = nx.empty_graph(nodes)
    graph.add_edges_from(edges.tolist())
    return [sorted(component) for component in nx.connected_components(graph)]


def connect(nodes: int, edges: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
    """Join every two successive components by one edge between random nodes, low -> high.

    An edge between two components closes no circle, so an acyclic graph stays acyclic.

    Args:
        nodes: number of nodes.
        edges: `[m, 2]`.
        generator: where the nodes are drawn from.

    Returns:
        The edges with those that were missing, `[m + components - 1, 2]`.
    """
    parts = components(nodes, edges)
    joints = [
        sorted((int(generator.choice(left)), int(generator.choice(right)))) for left, right in pairwise(parts)
    ]
    return np.concatenate([edges, np.array(joints, dtype=np.int64).reshape(-1, 2)])
