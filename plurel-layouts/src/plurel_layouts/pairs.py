"""Layouts that decide about each pair of nodes by itself, oriented from the low to the high number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import field, frozen

from plurel.graph import Dag
from plurel_layouts.connect import connect
from plurel_layouts.params import ErdosRenyiParams

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from plurel.plugins.requests import LayoutRequest
    from plurel.seeding import Stream


def _join(nodes: int, chances: NDArray[np.float64], generator: np.random.Generator) -> Dag:
    """Join i < j with `chances[i, j]`, then connect."""
    hits = np.triu(generator.random((nodes, nodes)) < chances, k=1)
    return Dag(nodes=nodes, edges=connect(nodes, np.argwhere(hits), generator))


@frozen
class ErdosRenyi:
    """Each pair is joined with 1 - (1 - p)^2: either of its two directions would have done.

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
        """A connected acyclic graph on the requested nodes."""
        p = self.params.p.draw(stream / "p")
        chances = np.full((request.nodes, request.nodes), 1 - (1 - p) ** 2)
        return _join(request.nodes, chances, (stream / "edges").generator())


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
        return _join(request.nodes, chances, (stream / "edges").generator())
