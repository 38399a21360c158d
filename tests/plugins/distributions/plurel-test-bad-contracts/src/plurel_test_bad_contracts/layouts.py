"""A good layout, and one a rule that breaks it and no other."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import field, frozen

from plurel.graph import Dag


class Good:
    """A path in a drawn order."""

    def draw(self, request: Any, stream: Any) -> Dag:
        return path(stream.generator().permutation(request.nodes))


def path(order: Any) -> Dag:
    return Dag(nodes=len(order), edges=np.stack([order[:-1], order[1:]], axis=1))


class Forgetful(Good):
    """Draws another graph each time."""

    def __init__(self) -> None:
        self.drawn = 0

    def draw(self, request: Any, stream: Any) -> Dag:
        self.drawn += 1
        return super().draw(request, stream / self.drawn)


class Meddling(Good):
    """Seeds numpy's global generator."""

    def draw(self, request: Any, stream: Any) -> Dag:
        np.random.seed(1)  # noqa: NPY002 - this is what it does wrong
        return super().draw(request, stream)


class Crowded(Good):
    """Adds a node to large graphs."""

    def draw(self, request: Any, stream: Any) -> Dag:
        return path(stream.generator().permutation(request.nodes + (request.nodes > 10)))


class Islands:
    """Draws no edge from the last node of large graphs."""

    def draw(self, request: Any, stream: Any) -> Dag:
        dag = Good().draw(request, stream)
        return Dag(nodes=dag.nodes, edges=dag.edges[1:] if dag.nodes > 10 else dag.edges)


class Greedy(Good):
    """Needs at least two nodes."""

    def draw(self, request: Any, stream: Any) -> Dag:
        if request.nodes < 2:
            raise ValueError("a path has two ends")
        return super().draw(request, stream)


class Fixed(Good):
    """Holds a function that does not pickle."""

    def __init__(self) -> None:
        self.name = lambda: "fixed"


@frozen(kw_only=True)
class RestlessParams:
    """Parameters that double whenever they are read."""

    width: float = field(default=1.0, converter=lambda width: 2 * width)


class Restless(Good):
    """A good layout with such parameters."""

    def __init__(self, params: RestlessParams) -> None:
        self.params = params
