"""Layouts that decide about each pair of nodes by itself, oriented from the low to the high number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import field, frozen

from plurel.errors import GenerationError
from plurel.graph import Dag
from plurel_layouts.connect import components, connect
from plurel_layouts.params import ErdosRenyiParams

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from plurel.plugins.requests import LayoutRequest
    from plurel.seeding import Stream


MOST_TRIES = 1000
"""Graphs that are drawn, at most, before one has to hang together."""


def _pairs(nodes: int, chances: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.int64]:
    """The pairs i < j that are joined, each with `chances[i, j]`: `[edges, 2]`."""
    return np.argwhere(np.triu(generator.random((nodes, nodes)) < chances, k=1))


@frozen
class ErdosRenyi:
    """Each pair is joined with 1 - (1 - p)^2: either of its two directions would have done.

    PluRel's first release tried one direction of a pair, and drew graphs again until one was connected.

    Source: Erdős and Rényi (1959), as PluRel 1.1 orients it.

    Example:
        >>> from plurel.plugins.requests import LayoutRequest
        >>> from plurel.seeding import Stream
        >>> dag = ErdosRenyi().draw(LayoutRequest(nodes=6), Stream(0))
        >>> dag.nodes, bool((dag.edges[:, 0] < dag.edges[:, 1]).all())
        (6, True)
    """

    params: ErdosRenyiParams = field(factory=ErdosRenyiParams)

    def draw(self, request: LayoutRequest, stream: Stream) -> Dag:
        """A connected acyclic graph on the requested nodes.

        Raises:
            GenerationError: where graphs are redrawn and none of a thousand was connected.
        """
        nodes = request.nodes
        edges = self._edges(nodes, stream)
        if not self.params.redrawn:
            return Dag(nodes=nodes, edges=connect(nodes, edges, (stream / "joints").generator()))
        tries = 1
        while len(components(nodes, edges)) > 1:
            if tries == MOST_TRIES:
                given = f"{self.params.p.kind} {', '.join(map(str, self.params.p.value))}"
                raise GenerationError(
                    f"none of {MOST_TRIES} graphs of {nodes} nodes was connected; p must be greater (its "
                    f"choice is {given}), or redrawn false"
                )
            edges = self._edges(nodes, stream / "again" / tries)
            tries += 1
        return Dag(nodes=nodes, edges=edges)

    def _edges(self, nodes: int, stream: Stream) -> NDArray[np.int64]:
        p = self.params.p.draw(stream / "p")
        chances = np.full((nodes, nodes), 1 - (1 - p) ** self.params.directions)
        return _pairs(nodes, chances, (stream / "edges").generator())


@frozen
class RandomCauchy:
    """P(i -> j) = sigmoid(A + B_i + C_j) with A, B, C standard Cauchy: hubs that send, hubs that receive."""

    def draw(self, request: LayoutRequest, stream: Stream) -> Dag:
        """A connected acyclic graph on the requested nodes."""
        effects = (stream / "effects").generator()
        level = effects.standard_cauchy()
        senders = effects.standard_cauchy(request.nodes)
        receivers = effects.standard_cauchy(request.nodes)
        logits = level + senders[:, None] + receivers[None, :]
        chances = 0.5 * (1 + np.tanh(logits / 2))
        edges = _pairs(request.nodes, chances, (stream / "edges").generator())
        return Dag(nodes=request.nodes, edges=connect(request.nodes, edges, (stream / "joints").generator()))
