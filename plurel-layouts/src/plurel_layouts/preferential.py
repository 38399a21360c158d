"""Preferential attachment: who has many edges gets more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import field, frozen

from plurel.graph import Dag
from plurel_layouts.params import BarabasiAlbertParams

if TYPE_CHECKING:
    from plurel.plugins.requests import LayoutRequest
    from plurel.seeding import Stream


def _grow(nodes: int, m: int, generator: np.random.Generator) -> list[set[int]]:
    """Parents of each node: a star around node 0, then m distinct parents drawn by degree."""
    star = min(m + 1, nodes)
    parents: list[set[int]] = [set(), *({0} for _ in range(1, star))]
    ends = [0] * (star - 1) + list(range(1, star))
    for node in range(star, nodes):
        chosen: set[int] = set()
        while len(chosen) < m:
            chosen.add(ends[int(generator.integers(len(ends)))])
        parents.append(chosen)
        ends += [*sorted(chosen), *[node] * m]
    return parents


@frozen
class BarabasiAlbert:
    """Growth by preferential attachment from one source, then sinks thinned out.

    Sinks are listed once. Each that has several parents loses one with `sink_edge_dropout`; then each that
    has one parent has its edge turned round with `flip_leaf_edge_prob`, unless its parent would get more
    than `max_in_degree` parents. Last, nodes are relabelled at random.

    Source: Barabási and Albert (1999), with the sinks of PluRel 1.1.

    Example:
        >>> from plurel.plugins.requests import LayoutRequest
        >>> from plurel.seeding import Stream
        >>> dag = BarabasiAlbert().draw(LayoutRequest(nodes=9), Stream(0))
        >>> (dag.in_degrees() == 0).sum().item(), dag.in_degrees().max().item()
        (1, 2)
    """

    params: BarabasiAlbertParams = field(factory=BarabasiAlbertParams)

    def draw(self, request: LayoutRequest, stream: Stream) -> Dag:
        """A connected acyclic graph on the requested nodes."""
        parents = _grow(request.nodes, self.params.m, (stream / "edges").generator())
        self._thin_sinks(parents, stream)
        edges = [(parent, node) for node, chosen in enumerate(parents) for parent in sorted(chosen)]
        labels = (stream / "labels").generator().permutation(request.nodes)
        return Dag(nodes=request.nodes, edges=labels[np.array(edges, dtype=np.int64).reshape(-1, 2)])

    def _thin_sinks(self, parents: list[set[int]], stream: Stream) -> None:
        """Drop and turn edges of the sinks, in place."""
        dropout, flips = (stream / "dropout").generator(), (stream / "flips").generator()
        sinks = sorted(set(range(1, len(parents))).difference(*parents))
        for sink in sinks:
            if len(parents[sink]) > 1 and dropout.random() < self.params.sink_edge_dropout:
                parents[sink].remove(int(dropout.choice(sorted(parents[sink]))))
        for sink in sinks:
            if len(parents[sink]) == 1 and flips.random() < self.params.flip_leaf_edge_prob:
                (parent,) = parents[sink]
                if len(parents[parent]) < self.params.max_in_degree:
                    parents[sink].clear()
                    parents[parent].add(sink)
